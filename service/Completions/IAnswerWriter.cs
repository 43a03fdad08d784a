using System.Text.Json;
using Gemma2.Service.Api;

namespace Gemma2.Service.Completions;

/// <summary>Tells answers in the words of one API: as one JSON body, or as a stream of events.</summary>
internal interface IAnswerWriter
{
    /// <summary>Keeps what the API promises to keep of an answer, before its end is told. Most keep nothing.</summary>
    /// <exception cref="Storage.StorageException">It cannot be kept: then the request has failed.</exception>
    Task KeepAsync(Completion completion, CompletionResult result, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Writes a whole answer.</summary>
    void WriteBody(Utf8JsonWriter json, Completion completion, CompletionResult result);

    /// <summary>What ends a stream whose answer never began: its status has been sent while it waited for the model.</summary>
    IEnumerable<StreamEvent> Refuse(ApiError error);

    /// <summary>Begins to tell of an answer that comes piece by piece.</summary>
    IAnswerEvents Stream(Completion completion);
}

/// <summary>The events of one stream. It is asked in order: once for the begin, for each part, once for the end or the failure.</summary>
internal interface IAnswerEvents
{
    /// <summary>What comes before all parts.</summary>
    IEnumerable<StreamEvent> Begin();

    /// <summary>What a part says.</summary>
    IEnumerable<StreamEvent> Read(AnswerPart part);

    /// <summary>What ends a complete stream.</summary>
    IEnumerable<StreamEvent> End(CompletionResult result);

    /// <summary>What ends a stream that failed: its status has been sent.</summary>
    IEnumerable<StreamEvent> Fail(ApiError error);
}
