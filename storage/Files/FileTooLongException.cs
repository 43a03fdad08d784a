using Gemma2.Backend;

namespace Gemma2.Storage.Files;

/// <summary>A file is longer than <see cref="FileStore.MaxBytes"/>; nothing of it was stored.</summary>
public sealed class FileTooLongException() : Gemma2Exception($"The file is longer than {FileStore.MaxBytes} bytes, which is the most that is stored.");
