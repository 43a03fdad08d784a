using System.CommandLine;
using Gemma2.Backend.Text;

namespace Gemma2.Cli.Arguments;

/// <summary>Which chat template is used.</summary>
internal sealed class ChatTemplateArgument
{
    private readonly Option<string?> _file = Values.Text(
        "--chat-template", "Make prompts of conversations by this template, in Jinja (without it: by the one that came with the model, or Gemma 2's own).", "FILE");

    /// <summary>Adds it to a command.</summary>
    public void AddTo(Command command) => command.Add(_file);

    /// <summary>The template; null where none was given.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public ChatTemplateText? Read(ParseResult parse) => parse.GetValue(_file) is { } file ? new ChatTemplateText(File.ReadAllText(file), file) : null;
}
