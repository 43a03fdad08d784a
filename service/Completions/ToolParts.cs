using Gemma2.Grammars.Tools;

namespace Gemma2.Service.Completions;

/// <summary>Takes the parts of a completion's answers apart into replies and calls as they come. Tokens wait with the text that they are of.</summary>
/// <param name="completion">A chat with functions.</param>
internal sealed class ToolParts(Completion completion)
{
    private readonly (ToolCallReader Reader, List<ToldToken> Waiting)[] _answers =
        [.. Enumerable.Range(0, completion.AnswerCount).Select(_ => (new ToolCallReader(), new List<ToldToken>()))];

    /// <summary>What a part says.</summary>
    /// <param name="part">The next part of any answer.</param>
    /// <returns>What is to be told, and the tokens of no text that is told; those come with the end of the answer.</returns>
    public (IReadOnlyList<ToolDelta> Deltas, IReadOnlyList<ToldToken> Tokens) Read(AnswerPart part)
    {
        (ToolCallReader reader, List<ToldToken> waiting) = _answers[part.Answer];
        List<ToolDelta> deltas = [.. reader.Append(part.Text)];
        if (part.Finish is not null)
            deltas.AddRange(reader.Flush());
        waiting.AddRange(part.Tokens);
        if (deltas.Count == 0 && part.Finish is null)
            return ([], []);
        ToldToken[] told = [.. waiting];
        waiting.Clear();
        return (deltas, told);
    }

    /// <summary>Whether an answer calls functions.</summary>
    public bool HasCalls(int answer) => _answers[answer].Reader.HasCalls;
}
