namespace Gemma2.Service.Dialects.Responses;

/// <summary>What a request needs of earlier responses.</summary>
/// <param name="Items">The conversation that it goes on with.</param>
/// <param name="Known">Items that it may refer to by id.</param>
internal sealed record EarlierItems(IReadOnlyList<Item> Items, IReadOnlyDictionary<string, Item> Known)
{
    /// <summary>Nothing.</summary>
    public static EarlierItems None { get; } = new([], new Dictionary<string, Item>());
}
