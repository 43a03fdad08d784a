using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Engine;

/// <summary>A loaded model that generates. All members may be called from any thread.</summary>
public interface IInferenceEngine : IAsyncDisposable
{
    /// <summary>The model's name, as its source gave it.</summary>
    string ModelName { get; }

    /// <summary>The model's numbers.</summary>
    Gemma2Config Config { get; }

    /// <summary>The model's vocabulary; null when the model has none.</summary>
    GemmaTokenizer? Tokenizer { get; }

    /// <summary>How the model's conversations become prompts; null when the model has no vocabulary.</summary>
    ChatTemplate? ChatTemplate { get; }

    /// <summary>How the model's makers want tokens picked where a request says nothing.</summary>
    SamplingDefaults SamplingDefaults => SamplingDefaults.None;

    /// <summary>Longest prompt plus answer, in tokens.</summary>
    int ContextLength { get; }

    /// <summary>
    /// Names all that answers follow from beside the request: weights, vocabulary, KV cache type, kernels, device and driver, as hexadecimal digits. Where it is the same,
    /// the same request with the same seed has the same answer.
    /// </summary>
    string Fingerprint { get; }

    /// <summary>Throws where <see cref="GenerateAsync"/> would refuse a request because too many wait already.</summary>
    /// <exception cref="BusyException">They do.</exception>
    void EnsureRoom(GenerationRequest request);

    /// <summary>
    /// Generates until an end token, a limit or cancellation. Waits its turn while all sequences are taken.
    /// <see cref="GenerationRequest.Stop"/> is not looked at here: see <see cref="TextGeneration"/>.
    /// </summary>
    /// <exception cref="InvalidRequestException">The request asks for something that is not allowed, such as a prompt longer than the context.</exception>
    /// <exception cref="BusyException">Too many interactive requests wait already. Thrown at the first token.</exception>
    /// <exception cref="GenerationException">This sequence failed.</exception>
    /// <exception cref="DeviceException">The device failed: no sequence of this engine can go on.</exception>
    /// <exception cref="OperationCanceledException">Within one step of the cancellation.</exception>
    IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default);
}
