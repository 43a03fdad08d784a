namespace Gemma2.Backend.Formats.Gguf;

/// <summary>The metadata keys that are read. Source: https://github.com/ggml-org/ggml, docs/gguf.md; those of the tokenizer: gguf-py/gguf/constants.py of llama.cpp.</summary>
internal static class GgufKeys
{
    /// <summary>What model it is: "gemma2".</summary>
    public const string Architecture = "general.architecture";

    /// <summary>Whether it is a model, or something to be used with one: "model", "adapter" ...</summary>
    public const string Kind = "general.type";

    /// <summary>How tokens are picked where a request says nothing: the temperature. Source: common_init_sampler_from_model in common/common.cpp of llama.cpp.</summary>
    public const string Temperature = "general.sampling.temp";

    /// <summary>The same: so many of the likeliest tokens.</summary>
    public const string TopK = "general.sampling.top_k";

    /// <summary>The same: the likeliest tokens up to this sum.</summary>
    public const string TopP = "general.sampling.top_p";

    /// <summary>The same: tokens at least so likely, as a share of the likeliest one.</summary>
    public const string MinP = "general.sampling.min_p";

    /// <summary>The same: divides the logits of tokens that were there.</summary>
    public const string RepetitionPenalty = "general.sampling.penalty_repeat";

    /// <summary>Tensors begin at multiples of this; 32 where it is missing.</summary>
    public const string Alignment = "general.alignment";

    /// <summary>Longest sequence.</summary>
    public const string ContextLength = "gemma2.context_length";

    /// <summary>Hidden size.</summary>
    public const string EmbeddingLength = "gemma2.embedding_length";

    /// <summary>Number of layers.</summary>
    public const string BlockCount = "gemma2.block_count";

    /// <summary>Width of the feed-forward block.</summary>
    public const string FeedForwardLength = "gemma2.feed_forward_length";

    /// <summary>Query heads.</summary>
    public const string HeadCount = "gemma2.attention.head_count";

    /// <summary>Key/value heads.</summary>
    public const string KeyValueHeadCount = "gemma2.attention.head_count_kv";

    /// <summary>Width of a query's and key's head.</summary>
    public const string KeyLength = "gemma2.attention.key_length";

    /// <summary>Width of a value's head.</summary>
    public const string ValueLength = "gemma2.attention.value_length";

    /// <summary>Added to the mean square in norms.</summary>
    public const string RmsNormEpsilon = "gemma2.attention.layer_norm_rms_epsilon";

    /// <summary>Window of the even layers.</summary>
    public const string SlidingWindow = "gemma2.attention.sliding_window";

    /// <summary>Cap of attention scores.</summary>
    public const string AttentionSoftcap = "gemma2.attn_logit_softcapping";

    /// <summary>Cap of logits.</summary>
    public const string FinalSoftcap = "gemma2.final_logit_softcapping";

    /// <summary>Base of the rotary embedding.</summary>
    public const string RopeBase = "gemma2.rope.freq_base";

    /// <summary>How positions are stretched: "none".</summary>
    public const string RopeScaling = "gemma2.rope.scaling.type";

    /// <summary>By how much: 1.</summary>
    public const string RopeScalingFactor = "gemma2.rope.scaling.factor";

    /// <summary>How the vocabulary was made: "llama" is SentencePiece.</summary>
    public const string TokenizerModel = "tokenizer.ggml.model";

    /// <summary>The pieces.</summary>
    public const string Tokens = "tokenizer.ggml.tokens";

    /// <summary>Their scores.</summary>
    public const string Scores = "tokenizer.ggml.scores";

    /// <summary>Their types, numbered as in SentencePiece.</summary>
    public const string TokenTypes = "tokenizer.ggml.token_type";

    /// <summary>Beginning of a sequence.</summary>
    public const string BeginToken = "tokenizer.ggml.bos_token_id";

    /// <summary>End of a sequence.</summary>
    public const string EndToken = "tokenizer.ggml.eos_token_id";

    /// <summary>End of a turn.</summary>
    public const string EndOfTurnToken = "tokenizer.ggml.eot_token_id";

    /// <summary>End of a message.</summary>
    public const string EndOfMessageToken = "tokenizer.ggml.eom_token_id";

    /// <summary>What no piece can spell.</summary>
    public const string UnknownToken = "tokenizer.ggml.unknown_token_id";

    /// <summary>Whether a space is put before a text.</summary>
    public const string AddSpacePrefix = "tokenizer.ggml.add_space_prefix";

    /// <summary>The chat template, in Jinja.</summary>
    public const string ChatTemplate = "tokenizer.chat_template";

    /// <summary>Of an importance matrix: names of the texts that it was measured with.</summary>
    public const string ImatrixDatasets = "imatrix.datasets";

    /// <summary>How many files the model was split into.</summary>
    public const string SplitCount = "split.count";
}
