namespace Gemma2.Backend.Startup;

/// <summary>The names of the stages that a start is made of.</summary>
public static class StartupStages
{
    /// <summary>From the process's start to the first line of the program.</summary>
    public const string Runtime = "runtime";

    /// <summary>From there until the app listens.</summary>
    public const string Host = "host";

    /// <summary>Configuration, vocabulary and the headers of the model's files are read.</summary>
    public const string Model = "model";

    /// <summary>The device is opened.</summary>
    public const string Device = "device";

    /// <summary>Kernels compute something known.</summary>
    public const string Check = "check";

    /// <summary>Device memory is taken.</summary>
    public const string Memory = "memory";

    /// <summary>The driver compiles pipelines.</summary>
    public const string Pipelines = "pipelines";

    /// <summary>A file of weights, from its first byte to its last.</summary>
    public const string File = "file";

    /// <summary>All weights, until they are in device memory.</summary>
    public const string Weights = "weights";

    /// <summary>What an earlier start kept is fetched: compiled pipelines.</summary>
    public const string Cache = "cache";

    /// <summary>The first tokens are made, for nobody.</summary>
    public const string Warm = "warm";

    /// <summary>The first token that somebody asked for.</summary>
    public const string FirstToken = "first_token";
}
