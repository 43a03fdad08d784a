namespace Gemma2.Backend.Formats.Files;

/// <summary>How far loading is.</summary>
/// <param name="BytesLoaded">Weight bytes read so far.</param>
/// <param name="BytesTotal">Weight bytes in all.</param>
public readonly record struct LoadProgress(long BytesLoaded, long BytesTotal);
