using Gemma2.Storage;

namespace Gemma2.Service.Http.Batches;

/// <summary>A file in a form. Its end is seen only after the rest of the form has been read.</summary>
/// <param name="file">The file's part of the form.</param>
/// <param name="readRest">Reads the rest; what it throws is thrown instead of the end.</param>
internal sealed class FormFileStream(Stream file, Func<Task> readRest) : ForwardStream
{
    private bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_ended)
            return 0;
        int count = await file.ReadAsync(buffer, cancellationToken);
        if (count == 0 && !buffer.IsEmpty)
        {
            await readRest();
            _ended = true;
        }
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
