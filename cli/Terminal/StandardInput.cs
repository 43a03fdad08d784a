namespace Gemma2.Cli.Terminal;

/// <summary>Standard input.</summary>
internal static class StandardInput
{
    /// <summary>Opens it for reading.</summary>
    /// <exception cref="IOException">The shell closed it (<c>&lt;&amp;-</c>).</exception>
    public static Stream Open() => Descriptor.IsInherited(0) ? Console.OpenStandardInput() : throw new IOException("Standard input is closed.");
}
