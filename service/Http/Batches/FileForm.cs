using System.Globalization;
using System.Text;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Storage.Files;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Gemma2.Service.Http.Batches;

/// <summary>
/// Reads the form of a file's upload part by part, the file straight into a sink: <c>multipart/form-data</c> with <c>purpose</c>, <c>file</c> and, where the file
/// shall expire, <c>expires_after[anchor]</c> and <c>expires_after[seconds]</c>, in any order. The sink sees the end of the file only after the form has turned out right, so that it stores nothing of a wrong one.
/// </summary>
internal sealed class FileForm
{
    /// <summary>
    /// The longest form that is read at all. What a refused form still holds is thrown away unread, because a client that is still sending when the
    /// connection closes never sees the answer.
    /// </summary>
    public const long MaxDrainedBytes = FileStore.MaxBytes + (128 << 20);

    /// <summary>The fields of the form.</summary>
    public static readonly RouteFields Fields = new("POST /v1/files", [PurposeField, FileField, LifetimeField]);

    private const string PurposeField = "purpose";
    private const string FileField = "file";
    private const int LongestBoundary = 70;
    private const int LongestPartHeaders = 16 << 10;
    private const int MostPartHeaders = 16;
    private const int LongestField = 64;

    private const string LifetimeField = "expires_after";
    private const string Anchor = LifetimeField + "[anchor]";
    private const string Seconds = LifetimeField + "[seconds]";

    private static readonly string[] Parts = [PurposeField, Anchor, Seconds];

    private readonly MultipartReader _parts;
    private readonly CancellationToken _cancellationToken;
    private readonly Dictionary<string, string> _fields = [];

    private FileForm(HttpRequest request, CancellationToken cancellationToken)
    {
        _parts = new MultipartReader(Boundary(request), request.Body) { HeadersLengthLimit = LongestPartHeaders, HeadersCountLimit = MostPartHeaders };
        _cancellationToken = cancellationToken;
    }

    /// <summary>Hands the form's file to the sink.</summary>
    /// <param name="request">The request that carries the form.</param>
    /// <param name="store">Takes the file's name, its content and, once that was read to its end, how long it is kept.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="ApiException">It is no such form, or a part of it is not allowed.</exception>
    /// <exception cref="InvalidRequestException">A part of it is not allowed.</exception>
    /// <exception cref="FileTooLongException">The file is too long.</exception>
    public static async Task<StoredFile> ReadAsync(HttpRequest request, Func<string, Stream, Func<TimeSpan?>, Task<StoredFile>> store, CancellationToken cancellationToken)
    {
        var form = new FileForm(request, cancellationToken);
        try
        {
            return await form.StoreFileAsync(store);
        }
        // Of a body whose announced length is beyond what is drained, nothing is read.
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw new FileTooLongException();
        }
        // What the reader says of a part that is too long, and of a form that ends too early.
        catch (Exception e) when (e is InvalidDataException or IOException && !cancellationToken.IsCancellationRequested)
        {
            await RequestBody.DrainAsync(request, cancellationToken);
            throw new ApiException(ApiError.BadRequest("The form is not valid multipart/form-data: it ends too early, or a part's header is too long."));
        }
        catch (Gemma2Exception)
        {
            await RequestBody.DrainAsync(request, cancellationToken);
            throw;
        }
    }

    private async Task<StoredFile> StoreFileAsync(Func<string, Stream, Func<TimeSpan?>, Task<StoredFile>> store) =>
        await ReadToFileAsync() is { } file
            ? await store(FileName(file), new FormFileStream(file.Body, ReadRestAsync), Lifetime)
            : throw new InvalidRequestException("file", "file is missing.", ErrorCodes.Missing);

    private async Task ReadRestAsync()
    {
        if (await ReadToFileAsync() is not null)
            throw new InvalidRequestException("file", "The form has more than one file; send a request for each of them.");
        if (!_fields.ContainsKey(PurposeField))
            throw new InvalidRequestException(PurposeField, "purpose is missing.", ErrorCodes.Missing);
        // What is wrong with it is said before anything is stored.
        _ = Lifetime();
    }

    private TimeSpan? Lifetime()
    {
        string? anchor = _fields.GetValueOrDefault(Anchor), seconds = _fields.GetValueOrDefault(Seconds);
        if (anchor is null && seconds is null)
            return null;
        if (seconds is not null && !long.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw new InvalidRequestException(Seconds, $"{Seconds} is '{RequestFields.Quote(seconds)}'; allowed are integers from {FileLifetime.FewestSeconds} to {FileLifetime.MostSeconds}.");
        return FileLifetime.Parse(anchor, seconds is null ? null : long.Parse(seconds, CultureInfo.InvariantCulture), part => $"{LifetimeField}[{part}]");
    }

    /// <summary>Reads fields up to the next file; null at the form's end.</summary>
    private async Task<MultipartSection?> ReadToFileAsync()
    {
        while (await _parts.ReadNextSectionAsync(_cancellationToken) is { } part)
        {
            string name = Disposition(part).Name.ToString().Trim('"');
            if (name == FileField)
                return part;
            if (!Parts.Contains(name))
                throw new InvalidRequestException(RequestFields.Quote(name), $"The form's field '{RequestFields.Quote(name)}' is not supported; allowed are file, {string.Join(", ", Parts)}.");
            if (!_fields.TryAdd(name, await ReadFieldAsync(name, part.Body)))
                throw new InvalidRequestException(name, $"{name} is given twice.");
            if (name == PurposeField && _fields[name] != FileStore.BatchPurpose)
                throw new InvalidRequestException(name, $"purpose is '{RequestFields.Quote(_fields[name])}'; allowed is {FileStore.BatchPurpose}.");
        }
        return null;
    }

    private async Task<string> ReadFieldAsync(string name, Stream body)
    {
        byte[] bytes = new byte[LongestField + 1];
        int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, _cancellationToken);
        return length <= LongestField
            ? Encoding.UTF8.GetString(bytes, 0, length)
            : throw new InvalidRequestException(name, $"{name} is longer than {LongestField} bytes.");
    }

    private static string Boundary(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || request.Headers.ContentEncoding.Count > 0)
            throw new ApiException(ApiError.ContentType(RequestFields.Quote(request.ContentType ?? ""), "multipart/form-data, not compressed"));
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        return boundary.Length is > 0 and <= LongestBoundary
            ? boundary
            : throw new ApiException(ApiError.BadRequest($"The content type's boundary has {boundary.Length} characters; allowed are 1 to {LongestBoundary}."));
    }

    private static ContentDispositionHeaderValue Disposition(MultipartSection part) =>
        ContentDispositionHeaderValue.TryParse(part.ContentDisposition, out ContentDispositionHeaderValue? disposition)
        && disposition.DispositionType.Equals("form-data", StringComparison.OrdinalIgnoreCase)
            ? disposition
            : throw new ApiException(ApiError.BadRequest("A part of the form has no header 'Content-Disposition: form-data; name=...'."));

    private static string FileName(MultipartSection part)
    {
        ContentDispositionHeaderValue disposition = Disposition(part);
        string name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString();
        return name is not ("" or "." or "..") && !name.Any(character => character is '/' or '\\' || char.IsControl(character))
            ? name
            : throw new InvalidRequestException("file", $"The file's name is '{RequestFields.Quote(name)}'; it must be a plain name, without '/' and '\\'.");
    }
}
