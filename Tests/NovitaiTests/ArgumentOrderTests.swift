import ArgumentParser
import Testing

@testable import novitai

@Suite("Where the options of every command may stand")
struct ArgumentOrderTests {
    @Test(
        "before the noun or behind the verb",
        arguments: [
            ("instances list", "instances list"), ("instances list --target a:1", "instances list --target a:1"),
            ("--target a:1 instances list", "instances list --target a:1"),
            ("--target=a:1 --output json instances list --all", "instances list --target=a:1 --output json --all"),
            ("--target a:1 instances get x --output json", "instances get --target a:1 x --output json"),
            // What is not such an option, or has no value, is for the parser to judge.
            ("--nonsense 1 instances list", "--nonsense 1 instances list"), ("--target", "--target"),
            ("--target a:1 --nonsense instances list", "--target a:1 --nonsense instances list"), ("--help", "--help"),
            ("--target a:1 --help", "--target a:1 --help"), ("--target a:1 instances --help", "instances --target a:1 --help"),
            ("--target a:1 backup --file f", "backup --target a:1 --file f"), ("", ""),
            ("--token - instances list", "instances list --token -"),
        ])
    func moved(_ given: String, _ parsed: String) {
        #expect(ArgumentOrder.moved(given.split(separator: " ").map(String.init)) == parsed.split(separator: " ").map(String.init))
    }

    private static func parse(_ text: String) throws -> ConnectionOptions {
        let arguments = ArgumentOrder.moved(text.split(separator: " ").map(String.init))
        return try #require(try Novitai.parseAsRoot(arguments) as? ListInstances).connection
    }

    @Test("in both places each of them is understood, and the one behind the verb counts")
    func understood() throws {
        for text in [
            "--target a:1 --token t --timeout 5 --output json instances list",
            "instances list --target a:1 --token t --timeout 5 --output json",
        ] {
            let options = try Self.parse(text)
            #expect(options.target == "a:1" && options.token == "t" && options.timeout == 5 && options.output == .json)
        }
        #expect(try Self.parse("--target a:1 instances list --target b:2").target == "b:2")
    }
}
