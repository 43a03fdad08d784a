namespace Gemma2.Cli.Planning.Rates;

/// <summary>
/// What the makers publish about a GPU and the smallest Azure machine that has one. Limits that nothing exceeds, not speeds that were measured.
/// </summary>
/// <param name="Name">As <c>--gpu</c> has it.</param>
/// <param name="FullName">The product.</param>
/// <param name="MemoryGigabytes">Its memory, 10^9 bytes.</param>
/// <param name="Bandwidth">Of its memory, bytes a second.</param>
/// <param name="PeakOperations">16-bit floating-point operations a second of its matrix units, without sparsity.</param>
/// <param name="NetworkBandwidth">Of the Azure machine, bytes a second.</param>
/// <param name="Source">Where the GPU's numbers are published.</param>
/// <param name="NetworkSource">Where the machine's are.</param>
internal sealed record Gpu(
    string Name, string FullName, int MemoryGigabytes, double Bandwidth, double PeakOperations, double NetworkBandwidth, string Source, string NetworkSource)
{
    /// <summary>What is left for weights and KV cache: driver, error correction and activations take some.</summary>
    public const double UsableShare = 0.9;

    private const double BitsPerByte = 8;

    /// <summary>The GPUs of Azure Container Apps and of Azure's NC machines.</summary>
    public static IReadOnlyList<Gpu> All { get; } =
    [
        new("t4", "NVIDIA T4", 16, 320e9, 65e12, 8e9 / BitsPerByte, "NVIDIA T4 datasheet", "Azure NCasT4_v3 sizes"),
        new("a100", "NVIDIA A100 80GB PCIe", 80, 1935e9, 312e12, 20e9 / BitsPerByte, "NVIDIA A100 datasheet", "Azure NC A100 v4 sizes"),
        new("h100", "NVIDIA H100 NVL", 94, 3900e9, 835e12, 40e9 / BitsPerByte, "NVIDIA H100 NVL product brief", "Azure NCads H100 v5 sizes"),
    ];

    /// <summary>Bytes that weights and KV cache may take.</summary>
    public long UsableBytes => (long)(MemoryGigabytes * 1e9 * UsableShare);
}
