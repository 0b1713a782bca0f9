import FuzzTargets

/// libFuzzer's entry, from a runtime library that only the build of scripts/fuzz links.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The target that the first argument names; set before the driver begins, and only read afterwards.
nonisolated(unsafe) private var target = FuzzTarget.frames

/// usage: Fuzzer TARGET [option of libFuzzer …] [folder …]
@main
enum Fuzzer {
    static func main() {
        guard CommandLine.arguments.count > 1, let named = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
            print("usage: Fuzzer \(FuzzTarget.allCases.map(\.rawValue).joined(separator: "|")) [option of libFuzzer ...] [folder ...]")
            return
        }
        unsafe target = named
        // The driver takes the program's name and what is meant for it: the arguments from the target on.
        var count = CommandLine.argc - 1
        var arguments = unsafe CommandLine.unsafeArgv + 1
        _ = unsafe runDriver(&count, &arguments) { bytes, length in
            unsafe target.run(Array(UnsafeBufferPointer(start: bytes, count: length)))
            return 0
        }
    }
}
