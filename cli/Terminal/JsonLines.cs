using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gemma2.Backend;

namespace Gemma2.Cli.Terminal;

/// <summary>A conversation over stdin and stdout: one question a line, one JSON answer a line, each as soon as it is known.</summary>
internal static class JsonLines
{
    /// <summary>Answers every line of stdin. A line that cannot be answered gets <c>{"error":"..."}</c>, and the conversation goes on: it ends with exit code 1.</summary>
    /// <param name="answer">Makes the JSON answer to one line.</param>
    /// <param name="cancellationToken">Ends the conversation.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> AnswerAsync(Func<string, string> answer, CancellationToken cancellationToken)
    {
        // UTF8 skips a byte order mark and turns what is not UTF-8 into U+FFFD; a mark of another encoding is not looked for.
        using var input = new StreamReader(StandardInput.Open(), Encoding.UTF8, detectEncodingFromByteOrderMarks: false);
        await using StreamWriter output = StandardOutput.OpenWriter();
        bool hasFailed = false;
        while (await NextLineAsync(input, cancellationToken) is { } line)
            await output.WriteLineAsync(AnswerOrError(line, answer, ref hasFailed));
        return hasFailed ? 1 : 0;
    }

    /// <summary>Reads a question.</summary>
    /// <param name="line">The line.</param>
    /// <param name="type">Its shape.</param>
    /// <param name="expected">Its shape in words.</param>
    /// <exception cref="InvalidRequestException">The line has another shape.</exception>
    public static T Read<T>(string line, JsonTypeInfo<T> type, string expected) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(line, type) ?? throw new JsonException();
        }
        // InvalidOperationException: an escaped half of a surrogate pair, which no text holds.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw NotExpected(expected);
        }
    }

    /// <summary>The error of a line that has another shape.</summary>
    public static InvalidRequestException NotExpected(string expected) => new(null, $"The line is not {expected}.");

    // A read of a terminal or pipe cannot be cancelled; waiting for it can.
    private static Task<string?> NextLineAsync(StreamReader input, CancellationToken cancellationToken) =>
        Task.Run(input.ReadLine, cancellationToken).WaitAsync(cancellationToken);

    private static string AnswerOrError(string line, Func<string, string> answer, ref bool hasFailed)
    {
        try
        {
            return answer(line);
        }
        catch (Exception error)
        {
            hasFailed = true;
            return JsonSerializer.Serialize(new ErrorAnswer(ErrorText.Describe(error)), CliJson.Lines.ErrorAnswer);
        }
    }
}

/// <summary>The answer to a line that cannot be answered.</summary>
/// <param name="Error">What is wrong with it.</param>
internal sealed record ErrorAnswer(string Error);
