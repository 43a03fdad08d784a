using System.Collections.Immutable;

namespace Gemma2.Backend.Config;

/// <summary>
/// The numbers that define a Gemma 2 model, named as in Hugging Face's config.json.
/// Source: Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", arXiv:2408.00118, table 1.
/// </summary>
public sealed partial record Gemma2Config
{
    /// <summary>Rows of the embedding and of the tied output matrix.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>
    /// Rows that stand for no token: those that pad the embedding to a round number, or that the vocabulary leaves out. They are never picked, nor told of among the likeliest,
    /// and are not part of a prompt.
    /// </summary>
    public ImmutableSortedSet<int> SpareTokens { get; init; } = [];

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>What is a layer's own, from the first layer to the last.</summary>
    public required IReadOnlyList<LayerConfig> Layers { get; init; }

    /// <summary>Number of layers.</summary>
    public int LayerCount => Layers.Count;

    /// <summary>Query heads a layer.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key/value heads a layer; query head h uses key/value head h / (HeadCount / KeyValueHeadCount).</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Width of one head; heads times this need not be <see cref="HiddenSize"/>.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Queries are scaled by this to the power -1/2. Not the head dimension in 27B.</summary>
    public required double QueryPreAttentionScalar { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Attention scores become cap * tanh(score / cap); 0 means no cap.</summary>
    public required double AttentionSoftcap { get; init; }

    /// <summary>Logits become cap * tanh(logit / cap); 0 means no cap.</summary>
    public required double FinalSoftcap { get; init; }

    /// <summary>Added to the mean square in norms.</summary>
    public required double RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary position embedding.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Whether the files say that logits are made with the embedding; where they do not, they should have an output matrix of its own.</summary>
    public bool TiesWordEmbeddings { get; init; } = true;

    /// <summary>Beginning-of-sequence token.</summary>
    public int BeginToken { get; init; } = 2;

    /// <summary>Tokens that end a generation: those that the model's files name and, as all Gemma vocabularies have it, <c>&lt;end_of_turn&gt;</c>.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [1, 107];

    /// <summary>Whether an id is that of a token.</summary>
    public bool HasToken(int id) => (uint)id < (uint)VocabularySize && !SpareTokens.Contains(id);

    /// <summary>The ids of tokens, for messages: "0 to 255999".</summary>
    public string DescribeTokens()
    {
        int last = VocabularySize - 1;
        while (SpareTokens.Contains(last)) last--;
        int inside = SpareTokens.Count - (VocabularySize - 1 - last);
        return inside == 0 ? $"0 to {last}" : $"0 to {last}, but for {inside} that stand for nothing";
    }
}
