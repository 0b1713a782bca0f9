internal import ArgumentParser

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "A script that completes commands and options in a shell.",
        discussion: """
            bash: source <(novitai completion bash)
            zsh:  novitai completion zsh > "${fpath[1]}/_novitai"
            fish: novitai completion fish > ~/.config/fish/completions/novitai.fish
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var completion: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws { printToStandardOutput(Novitai.completionScript(for: self.shell.completion)) }
}
