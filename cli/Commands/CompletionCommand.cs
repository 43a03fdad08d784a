using System.CommandLine;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 completion</c>: what lets a shell complete words of its commands.</summary>
internal static class CompletionCommand
{
    // The program itself says what may come next. Where it has nothing, files are completed.
    private const string Bash = """
        # Completes gemma2's words in bash. For this shell: source <(gemma2 completion bash)
        # For all to come, put that line into ~/.bashrc.
        _gemma2() {
          local word
          COMPREPLY=()
          while IFS= read -r word; do
            if [[ $word == "$2"* && $word != [-/]? ]]; then COMPREPLY+=("$word"); fi
          done < <("$1" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
        }
        complete -o default -F _gemma2 gemma2
        """;

    private const string Zsh = """
        #compdef gemma2
        # Completes gemma2's words in zsh. For this shell: source <(gemma2 completion zsh)
        # For all to come, put that line into ~/.zshrc, behind compinit.
        _gemma2() {
          local -a candidates
          candidates=("${(@f)$("$words[1]" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          candidates=("${(@)candidates:#[-\/]?}")
          compadd -- "${(@)candidates:#}" || _files
        }
        compdef _gemma2 gemma2
        """;

    private const string PowerShell = """
        # Completes gemma2's words in PowerShell. For this shell: gemma2 completion pwsh | Out-String | Invoke-Expression
        # For all to come, put that line into the file $PROFILE.
        Register-ArgumentCompleter -Native -CommandName gemma2 -ScriptBlock {
            param($word, $line, $position)
            gemma2 "[suggest:$position]" "$line" 2>$null | Where-Object { $_ -like "$word*" -and $_ -notmatch '^[-/].$' } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }
        """;

    private static readonly IReadOnlyDictionary<string, string> Scripts = new Dictionary<string, string> { ["bash"] = Bash, ["zsh"] = Zsh, ["pwsh"] = PowerShell };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> shell = new("SHELL") { Description = $"One of {string.Join(", ", Scripts.Keys)}." };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        var command = new Command("completion", "Print the script that lets a shell complete commands and options; its first lines say how to use it.") { shell };
        command.SetAction(parse => Console.WriteLine(Scripts[parse.GetRequiredValue(shell)]));
        return command;
    }
}
