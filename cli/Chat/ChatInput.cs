using System.Text;

namespace Gemma2.Cli.Chat;

/// <summary>What a user enters: messages, of one line or several, and commands, which begin with a slash.</summary>
/// <param name="lines">Where the lines come from.</param>
/// <param name="prompt">Called before each line that is read; true for a line that goes on.</param>
internal sealed class ChatInput(TextReader lines, Action<bool> prompt)
{
    private const string Fence = "\"\"\"";

    /// <summary>Reads on to the end of a message or command. Empty lines between them are skipped.</summary>
    /// <returns>Null at the end of the input.</returns>
    public async Task<string?> ReadAsync(CancellationToken cancellationToken)
    {
        while (await ReadLineAsync(false, cancellationToken) is { } line)
        {
            string text = line.StartsWith(Fence, StringComparison.Ordinal) ? await ReadFencedAsync(line[Fence.Length..], cancellationToken) : line.Trim();
            if (text.Length > 0) return text;
        }
        return null;
    }

    private async Task<string> ReadFencedAsync(string first, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        for (string? line = first; line is not null; line = await ReadLineAsync(true, cancellationToken))
        {
            if (line.TrimEnd().EndsWith(Fence, StringComparison.Ordinal))
            {
                text.Append(line.TrimEnd()[..^Fence.Length]);
                break;
            }
            text.Append(line).Append('\n');
        }
        return text.ToString().Trim();
    }

    private ValueTask<string?> ReadLineAsync(bool goesOn, CancellationToken cancellationToken)
    {
        prompt(goesOn);
        return lines.ReadLineAsync(cancellationToken);
    }
}
