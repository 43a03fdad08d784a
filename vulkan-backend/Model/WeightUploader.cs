using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>Fills device memory with a model's tensors while they are read: matrices in device order, norms as factors in float32.</summary>
/// <param name="device">Gives the memory.</param>
/// <param name="config">The model's configuration.</param>
/// <param name="stagingBytes">Most bytes of host memory for what is copied to a device whose memory the host does not see.</param>
/// <param name="maxAllocationBytes">Largest allocation, if it shall be less than what the device allows.</param>
internal sealed class WeightUploader(GpuDevice device, Gemma2Config config, long stagingBytes, long? maxAllocationBytes = null) : ITensorSink, IDisposable
{
    /// <summary>By this much, drivers may round an allocation up.</summary>
    private const long AllocationMargin = 1 << 20;

    private readonly long _maxAllocationBytes = maxAllocationBytes ?? device.Description.MaxAllocationBytes - AllocationMargin;
    private readonly int _tileRows = MatrixKernels.TileRows(device.Description);
    private readonly MatrixUploader _uploader = new(device, stagingBytes);
    private readonly List<GpuBuffer> _buffers = [];
    private readonly Dictionary<string, (PlacedMatrix Matrix, int FirstRow)> _places = [];
    private Dictionary<string, TensorEntry> _tensors = [];
    private NormUploader? _norms;
    private ModelWeights? _weights;

    /// <summary>Where all weights are, from <see cref="Begin"/> on: their memory is taken then, and filled by what is written.</summary>
    /// <exception cref="InvalidOperationException">It has not begun.</exception>
    public ModelWeights Weights => _weights ?? throw new InvalidOperationException("No memory was taken yet.");

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        _tensors = tensors.ToDictionary(t => t.Name);
        Place(TensorNames.Embedding);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            Place(TensorNames.Query(layer), TensorNames.Key(layer), TensorNames.Value(layer));
            Place(TensorNames.AttentionOutput(layer));
            Place(TensorNames.Gate(layer));
            Place(TensorNames.Up(layer));
            Place(TensorNames.Down(layer));
        }
        bool hasHead = _tensors.ContainsKey(TensorNames.Head);
        if (hasHead) Place(TensorNames.Head);
        _norms = new NormUploader(device, [.. tensors.Where(tensor => tensor.Shape.Count == 1)]);
        _buffers.Add(_norms.Buffer);
        _weights = new ModelWeights(
            Matrix(TensorNames.Embedding),
            Matrix(hasHead ? TensorNames.Head : TensorNames.Embedding),
            [.. Enumerable.Range(0, config.LayerCount).Select(Layer)],
            _norms.AddressOf(TensorNames.FinalNorm),
            [.. _buffers]);
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        if (tensor.Shape.Count == 1)
        {
            _norms!.Write(tensor, byteOffset, bytes);
            return;
        }
        (PlacedMatrix matrix, int first) = _places[tensor.Name];
        _uploader.Write(matrix, first + (int)(byteOffset / matrix.Layout.FileRowBytes), bytes);
    }

    /// <summary>Call when all tensors have been written: the weights, which the caller then owns.</summary>
    public ModelWeights Finish()
    {
        _uploader.Flush();
        _norms!.Flush();
        _buffers.Clear();
        return Weights;
    }

    /// <summary>Frees what was not handed over by <see cref="Finish"/>.</summary>
    public void Dispose()
    {
        _uploader.Dispose();
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }

    private LayerWeights Layer(int layer) => new(
        _norms!.AddressOf(TensorNames.InputNorm(layer)),
        Matrices(TensorNames.Query(layer), TensorNames.Key(layer), TensorNames.Value(layer)),
        Matrix(TensorNames.AttentionOutput(layer)),
        _norms!.AddressOf(TensorNames.PostAttentionNorm(layer)),
        _norms!.AddressOf(TensorNames.PreFeedForwardNorm(layer)),
        Matrix(TensorNames.Gate(layer)),
        Matrix(TensorNames.Up(layer)),
        Matrix(TensorNames.Down(layer)),
        _norms!.AddressOf(TensorNames.PostFeedForwardNorm(layer)));

    /// <summary>Takes memory for matrices of one width that are multiplied together. Neighbours of one type lie below one another as one matrix.</summary>
    private void Place(params ReadOnlySpan<string> names)
    {
        while (!names.IsEmpty)
        {
            TensorEntry first = _tensors[names[0]];
            var layout = new WeightLayout(first.Type, (int)first.Shape[1], _tileRows);
            int count = 1, rows = (int)first.Shape[0];
            // A matrix begins with a tile of its own.
            while (count < names.Length && _tensors[names[count]].Type == first.Type && rows % _tileRows == 0) rows += (int)_tensors[names[count++]].Shape[0];

            var matrix = new PlacedMatrix(device, layout, rows, _maxAllocationBytes, first.Name);
            _buffers.AddRange(matrix.Buffers);
            int row = 0;
            foreach (string name in names[..count])
            {
                _places.Add(name, (matrix, row));
                row += (int)_tensors[name].Shape[0];
            }
            names = names[count..];
        }
    }

    private DeviceMatrix Matrix(string name) => _places[name].Matrix.ToDeviceMatrix();

    private DeviceMatrix[] Matrices(params ReadOnlySpan<string> names)
    {
        var matrices = new List<PlacedMatrix>();
        foreach (string name in names)
            if (!matrices.Contains(_places[name].Matrix)) matrices.Add(_places[name].Matrix);
        return [.. matrices.Select(matrix => matrix.ToDeviceMatrix())];
    }
}
