using System.Collections.Concurrent;
using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Protocol;
using Google.Protobuf.WellKnownTypes;

namespace Gemma2.PlayedHost.Workers;

/// <summary>A worker, from its process' start to its end.</summary>
internal sealed class Worker : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan GracePeriod = TimeSpan.FromSeconds(5);

    private readonly AppFolder _app;
    private readonly WorkerProcess _process;
    private readonly WorkerConnection _connection;
    private readonly ConcurrentDictionary<string, string> _running = new();
    private readonly HashSet<string> _loaded = [];
    private readonly Dictionary<string, string> _loadErrors = [];

    private Worker(AppFolder app, WorkerProcess process, WorkerConnection connection) => (_app, _process, _connection) = (app, process, connection);

    /// <summary>Its process' number.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Its process' exit code.</summary>
    public Task<int> Ended => _process.Ended;

    /// <summary>Where it takes HTTP requests; null where it takes none.</summary>
    public Uri? HttpUri { get; private set; }

    /// <summary>Its functions, once it is initialized.</summary>
    public IReadOnlyList<Function> Functions { get; private set; } = [];

    /// <summary>Starts a worker's process.</summary>
    public static Worker Start(AppFolder app, RpcServer rpc)
    {
        string id = Guid.NewGuid().ToString();
        WorkerProcess? process = null;
        var connection = new WorkerConnection(line => process!.Print(line));
        rpc.Expect(id, connection);
        process = WorkerProcess.Start(app, id, rpc.Address);
        return new Worker(app, process, connection);
    }

    /// <summary>Waits until the worker has called, tells it where it is, asks for its functions and loads them.</summary>
    /// <exception cref="WorkerException">It cannot work.</exception>
    public async Task InitializeAsync(IReadOnlyList<Wrong> wrongs)
    {
        using var limit = new CancellationTokenSource(StartLimit);
        try
        {
            await _connection.Opened.WaitAsync(limit.Token);
            if (wrongs.Contains(Wrong.UnknownMessage)) _connection.Send(new StreamingMessage { Nonsense = new Nonsense { Text = "?" } });
            await StartAsync(limit.Token);
            if (wrongs.Contains(Wrong.SecondStart)) await StartAsync(limit.Token);
            if (wrongs.Contains(Wrong.UnknownFunction)) await LoadAsync(OfAnotherBuild(Functions[0]), limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new WorkerException($"It was not ready within {StartLimit.TotalSeconds} s.");
        }
    }

    /// <summary>Makes the id of an invocation, which an HTTP request carries too.</summary>
    public static string NewInvocationId() => Guid.NewGuid().ToString();

    /// <summary>Invokes a function.</summary>
    /// <exception cref="WorkerException">The function has failed, or the worker has.</exception>
    public async Task InvokeAsync(Function function, string invocationId, TypedData input)
    {
        if (_loadErrors.TryGetValue(function.Name, out string? loadError)) throw new WorkerException(loadError);
        var request = new InvocationRequest { InvocationId = invocationId, FunctionId = function.Id, TraceContext = new TraceContext() };
        request.InputData.Add(new ParameterBinding { Name = function.Parameter, Data = input });
        _running[invocationId] = function.Name;
        try
        {
            StreamingMessage answer = await _connection.AskAsync(new StreamingMessage { InvocationRequest = request }, invocationId, CancellationToken.None);
            ThrowIfFailed(answer.InvocationResponse.Result, function.Name);
        }
        finally
        {
            _running.TryRemove(invocationId, out _);
        }
    }

    /// <summary>Cancels the tokens of all that runs, and asks the worker to end; where it does not within its time, it is ended.</summary>
    public async Task TerminateAsync()
    {
        foreach (string invocation in _running.Keys) _connection.Send(new StreamingMessage { InvocationCancel = new InvocationCancel { InvocationId = invocation } });
        _connection.Send(new StreamingMessage { WorkerTerminate = new WorkerTerminate { GracePeriod = Duration.FromTimeSpan(GracePeriod) } });
        try
        {
            await Ended.WaitAsync(GracePeriod);
        }
        catch (TimeoutException)
        {
            await KillAsync();
        }
    }

    /// <summary>Ends its process at once.</summary>
    public async Task KillAsync()
    {
        Console.WriteLine($"Worker process {ProcessId} is killed");
        _process.Kill();
        await Ended;
    }

    /// <summary>It has failed: what runs in it has failed too.</summary>
    public void Fail(string why) => _connection.Fail(new WorkerException(why));

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    private static void ThrowIfFailed(StatusResult result, string what)
    {
        if (result.Status != StatusResult.Types.Status.Success) throw new WorkerException($"{what}: {result.Status}: {result.Exception?.Message}");
    }

    private static Function OfAnotherBuild(Function function)
    {
        FunctionMetadata metadata = function.Metadata.Clone();
        (metadata.FunctionId, metadata.Name, metadata.EntryPoint) = (Guid.NewGuid().ToString(), "OfAnotherBuild", "Gemma2.Functions.OfAnotherBuild.RunAsync");
        return function with { Metadata = metadata };
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        var init = new WorkerInitRequest { HostVersion = "4.1037.0", WorkerDirectory = _app.Path, FunctionAppDirectory = _app.Path };
        init.Capabilities.Add("MultiStream", "10");
        WorkerInitResponse ready = (await AskAsync(new StreamingMessage { WorkerInitRequest = init }, cancellationToken)).WorkerInitResponse;
        ThrowIfFailed(ready.Result, "Its start");
        HttpUri = ready.Capabilities.TryGetValue("HttpUri", out string? address) && address.Length > 0 ? new Uri(address) : null;
        Functions = await ReadFunctionsAsync(cancellationToken);
        foreach (Function function in Functions) await LoadAsync(function, cancellationToken);
    }

    private async Task<IReadOnlyList<Function>> ReadFunctionsAsync(CancellationToken cancellationToken)
    {
        var request = new FunctionsMetadataRequest { FunctionAppDirectory = _app.Path };
        StreamingMessage answer = await AskAsync(new StreamingMessage { FunctionsMetadataRequest = request }, cancellationToken);
        FunctionMetadataResponse metadata = answer.FunctionMetadataResponse;
        ThrowIfFailed(metadata.Result, "Its functions' metadata");
        if (metadata.UseDefaultMetadataIndexing) throw new WorkerException("It does not describe its functions itself.");
        return [.. metadata.Functions.Select(Function.Read)];
    }

    /// <summary>A function that does not load fails when it is invoked; the others work.</summary>
    private async Task LoadAsync(Function function, CancellationToken cancellationToken)
    {
        var request = new StreamingMessage { FunctionLoadRequest = new FunctionLoadRequest { FunctionId = function.Id, Metadata = function.Metadata } };
        StreamingMessage answer = await _connection.AskAsync(request, function.Id, cancellationToken);
        try
        {
            ThrowIfFailed(answer.FunctionLoadResponse.Result, function.Name);
            _loaded.Add(function.Name);
        }
        catch (WorkerException error)
        {
            // One that was loaded before stays so.
            if (!_loaded.Contains(function.Name)) _loadErrors[function.Name] = error.Message;
            Console.WriteLine($"Worker process {ProcessId} could not load a function. {FirstLine(error.Message)}");
        }
    }

    private Task<StreamingMessage> AskAsync(StreamingMessage message, CancellationToken cancellationToken)
    {
        message.RequestId = Guid.NewGuid().ToString();
        return _connection.AskAsync(message, message.RequestId, cancellationToken);
    }

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd();
}
