internal import Foundation

/// The Python with the packages of `Tests/requirements.txt`. Named by `NOVITAI_TEST_PYTHON`, which `scripts/test` sets; a test that needs it
/// fails without it, because skipping would prove nothing.
package enum TestPython {
    package static var path: String {
        get throws {
            guard let path = ProcessInfo.processInfo.environment["NOVITAI_TEST_PYTHON"], !path.isEmpty else {
                throw ChildProcess.Failure(description: "NOVITAI_TEST_PYTHON names no Python interpreter; scripts/test sets it")
            }
            return path
        }
    }
}
