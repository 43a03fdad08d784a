using Silk.NET.Core.Native;

namespace Gemma2.Backend.Device;

/// <summary>A <c>char**</c> of UTF-8 strings.</summary>
internal sealed unsafe class Utf8Array(string[] values) : IDisposable
{
    public uint Count { get; } = (uint)values.Length;

    public byte** Pointer { get; } = (byte**)SilkMarshal.StringArrayToPtr(values);

    public void Dispose() => SilkMarshal.Free((nint)Pointer);
}
