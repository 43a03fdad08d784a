using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Model;

/// <summary>What a step that is done tells of the rows whose logits were wanted, counted in the order of its plan.</summary>
internal interface IStepResults
{
    /// <summary>The highest logits of a row. Valid until the next call.</summary>
    Candidates Candidates(int wanted);

    /// <summary>[vocabulary] all logits of a row, after the softcap. Valid until the next call; may be written to.</summary>
    Span<float> ReadLogits(int wanted);
}
