namespace Gemma2.Backend.Text;

/// <summary>Finds out what a chat template does, by rendering short conversations.</summary>
/// <param name="render">Renders a conversation.</param>
internal sealed class ChatProbes(Func<IReadOnlyList<ChatMessage>, ChatEnding, IReadOnlyList<ChatPart>> render)
{
    private static readonly ChatMessage Ask = new(ChatMessage.User, "Xq one");
    private static readonly ChatMessage Reply = new(ChatMessage.Assistant, "Xq two");
    private static readonly ChatMessage AskAgain = new(ChatMessage.User, " Xq three\n");
    private static readonly ChatMessage Instruct = new(ChatMessage.Instruction, "Xq four");

    /// <summary>Which messages it takes as they are.</summary>
    public ChatRules Rules() => new(
        TakesSystem: Takes(Instruct, Ask),
        TakesLaterSystem: Takes(Instruct, Ask, Reply, Instruct with { Content = "Xq five" }, AskAgain),
        Alternates: !Takes(Ask, AskAgain) || !Takes(Ask, Reply, Reply with { Content = "Xq five" }, AskAgain));

    /// <summary>Whether it makes of conversations what Gemma 2's own template makes of them.</summary>
    public bool IsGemmas() => Rules() == ChatRules.Gemma
        && IsSame(ChatEnding.OpenAnswer, Ask) && IsSame(ChatEnding.Closed, Ask) && IsSame(ChatEnding.OpenAnswer, Ask, Reply, AskAgain) && IsSame(ChatEnding.Closed, AskAgain, Reply);

    /// <summary>What it writes by itself, in all conversations that it takes.</summary>
    public IEnumerable<string> OwnTexts()
    {
        ChatMessage[][] all = [[Ask], [Ask, Reply, AskAgain], [Instruct, Ask, Reply, AskAgain]];
        return all.SelectMany(messages => Try(ChatEnding.OpenAnswer, messages) ?? []).Where(part => !part.IsContent).Select(part => part.Text);
    }

    /// <summary>What it writes behind an answer; null where it takes none.</summary>
    public string? AfterAnswer() => Try(ChatEnding.Closed, Ask, Reply) is { } parts
        ? string.Concat(parts.Skip(1 + parts.ToList().FindLastIndex(part => part.IsContent)).Select(part => part.Text))
        : null;

    private bool IsSame(ChatEnding ending, params ChatMessage[] messages) =>
        Try(ending, messages) is { } parts && Text(parts) == Text(GemmaTurns.Parts(messages, ending));

    /// <summary>Whether it takes messages and writes what they say.</summary>
    private bool Takes(params ChatMessage[] messages) =>
        Try(ChatEnding.OpenAnswer, messages) is { } parts && messages.All(message => parts.Any(part => part.IsContent && part.Text.Contains(message.Content.Trim(), StringComparison.Ordinal)));

    private IReadOnlyList<ChatPart>? Try(ChatEnding ending, params ChatMessage[] messages)
    {
        try
        {
            return render(messages, ending);
        }
        catch (InvalidRequestException)
        {
            return null;
        }
    }

    private static string Text(IEnumerable<ChatPart> parts) => string.Concat(parts.Select(part => part.Text));
}
