namespace Gemma2.Backend;

/// <summary>An error that is the user's to see: <see cref="Exception.Message"/> is one line that names the thing and what is allowed.</summary>
public abstract class Gemma2Exception(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A model cannot be used: a file is missing, malformed, or disagrees with its configuration. The message names the file.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Gemma2Exception(message, inner);

/// <summary>No usable Vulkan device, or the device failed.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : Gemma2Exception(message, inner)
{
    /// <summary>Whether opening the device anew may help: it was lost, or its memory is taken.</summary>
    public bool MayPass { get; init; }
}

/// <summary>A request asks for something that is not allowed.</summary>
/// <param name="parameter">The request's field that is wrong, in OpenAI's spelling ("max_tokens"); null when it is the whole request.</param>
/// <param name="message">One line: what is wrong and what is allowed.</param>
/// <param name="code">A word for programs that tells what is wrong, where there is one.</param>
public sealed class InvalidRequestException(string? parameter, string message, string? code = null) : Gemma2Exception(message)
{
    /// <summary>The request's field that is wrong, in OpenAI's spelling; null when it is the whole request.</summary>
    public string? Parameter { get; } = parameter;

    /// <summary>A word for programs that tells what is wrong with it, where there is one.</summary>
    public string? Code { get; } = code;
}

/// <summary>One sequence could not be computed (for example its logits were not finite). Others go on.</summary>
public sealed class GenerationException(string message) : Gemma2Exception(message);

/// <summary>So many requests wait already that this one is not taken: it may be sent again later.</summary>
public sealed class BusyException(string message) : Gemma2Exception(message);
