using System.CommandLine;

namespace Gemma2.Benchmarks.Blobs;

/// <summary><c>serve</c>: local models as blobs.</summary>
internal static class ServeCommand
{
    private static readonly Option<string[]> Model = new("--model") { Description = "NAME=PATH: a folder or file that is served as blob:NAME. May be given several times.", Required = true };
    private static readonly Option<double> Latency = new("--latency") { Description = "Milliseconds until the first byte of an answer with a range." };
    private static readonly Option<double> ConnectionRate = new("--connection-rate") { Description = "MB/s of one connection; 0 is no limit." };
    private static readonly Option<double> Rate = new("--rate") { Description = "MB/s of all connections together; 0 is no limit." };
    private static readonly Option<string?> Tail = new("--tail") { Description = "N:MILLISECONDS: one of N answers with ranges comes so late." };
    private static readonly Option<int> Busy = new("--busy") { Description = "One of so many requests for ranges is refused with 503; 0 is none." };

    public static Command Create()
    {
        var command = new Command("serve", "Serves local models as blobs on loopback until it is ended; prints the connection string as its first line.") { Model, Latency, ConnectionRate, Rate, Tail, Busy };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var blobs = new Dictionary<string, ServedBlob>();
        foreach (string model in arguments.GetValue(Model)!)
        {
            if (model.Split('=', 2) is not [var name, var path]) throw new ArgumentException($"--model is '{model}'; expected is NAME=PATH.");
            foreach ((string blob, ServedBlob served) in await ServedModel.LoadAsync(name, path)) blobs.Add(blob, served);
        }
        string[] tail = arguments.GetValue(Tail)?.Split(':') ?? ["0", "0"];
        var limits = new LinkLimits(
            TimeSpan.FromMilliseconds(arguments.GetValue(Latency)), (long)(arguments.GetValue(ConnectionRate) * 1e6), (long)(arguments.GetValue(Rate) * 1e6),
            int.Parse(tail[0], System.Globalization.CultureInfo.InvariantCulture), TimeSpan.FromMilliseconds(int.Parse(tail[1], System.Globalization.CultureInfo.InvariantCulture)), arguments.GetValue(Busy));
        using var server = new BlobServer(blobs, limits);
        Console.WriteLine(server.ConnectionString);
        try
        {
            await server.RunAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // It was told to end.
        }
        foreach (ServedBlob blob in blobs.Values) blob.Dispose();
        return 0;
    }
}
