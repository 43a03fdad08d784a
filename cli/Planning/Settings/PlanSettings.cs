using Gemma2.Backend.Engine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning.Settings;

/// <summary>Every input of a plan. docs/capacity.md says what each means to the simulation.</summary>
internal static class PlanSettings
{
    private const int LongestContext = 8192;

    /// <summary>A name for the plan.</summary>
    public static Setting<string> Title { get; } = Setting.Text("title", "A heading for the answer and the plot.", "TEXT");

    /// <summary>The model's size.</summary>
    public static Setting<ModelShape> Model { get; } =
        Setting.Choice("model", "Which Gemma 2.", ModelShape.All.Select(shape => (shape.Name, shape)).ToArray());

    /// <summary>How weights are stored.</summary>
    public static Setting<WeightFormat> Type { get; } =
        Setting.Choice("type", "How its matrices are stored.", WeightFormat.All.Select(format => (format.Name, format)).ToArray());

    /// <summary>The GPU of a replica.</summary>
    public static Setting<Gpu> Gpu { get; } = Setting.Choice("gpu", "The GPU of a replica.", Rates.Gpu.All.Select(gpu => (gpu.Name, gpu)).ToArray());

    /// <summary>How keys and values are kept.</summary>
    public static Setting<KvCacheType> KvCache { get; } =
        Setting.Choice("kv", Shared.KvCacheDescription, Shared.KvCacheTypes);

    /// <summary>Longest prompt plus answer.</summary>
    public static Setting<int> Context { get; } = Whole("context", "Longest prompt plus answer, in tokens (without it: 8192).", 2, LongestContext);

    /// <summary>Sequences of a replica.</summary>
    public static Setting<int> Sequences { get; } = Whole("sequences", "Requests that a replica works on at once (without it: 4, the jobs that a process takes at once).", 1, 256);

    /// <summary>Mean arrival rate.</summary>
    public static Setting<double> RequestsPerHour { get; } =
        Real("requests_per_hour", "Requests an hour, the mean over the profile's period (not needed with a file for --profile).", 0, 1e8);

    /// <summary>How requests spread over time.</summary>
    public static Setting<string> Profile { get; } = Setting.File(
        "profile", "How requests spread over time; FILE is CSV, one line 'hour,requests' for each hour of its period (without it: flat).", RateProfile.BuiltIn);

    /// <summary>Mean prompt length.</summary>
    public static Setting<int> PromptTokens { get; } = Whole("prompt_tokens", "Tokens of a prompt, the mean (without it: 512).", 1, LongestContext);

    /// <summary>Mean answer length.</summary>
    public static Setting<int> NewTokens { get; } = Whole("new_tokens", "Tokens of an answer, the mean (without it: 128).", 1, LongestContext);

    /// <summary>Distribution of the lengths.</summary>
    public static Setting<bool> FixedLengths { get; } =
        Setting.Choice("lengths", "Whether lengths vary (geometric, without it) or are all the mean (fixed).", ("geometric", false), ("fixed", true));

    /// <summary>Lowest number of replicas.</summary>
    public static Setting<int> MinReplicas { get; } = Whole("min_replicas", "Replicas that are always there (without it: 0).", 0, 1000);

    /// <summary>Highest number of replicas.</summary>
    public static Setting<int> MaxReplicas { get; } = Whole("max_replicas", "Replicas at most (without it: 10).", 1, 1000);

    /// <summary>The scale rule's target.</summary>
    public static Setting<int> QueueLength { get; } =
        Whole("queue_length_per_replica", "Messages for each of which there is to be a replica, KEDA's queueLength (without it: as --sequences).", 1, 10_000);

    /// <summary>The scaler's period.</summary>
    public static Setting<double> PollingInterval { get; } = Real("polling_interval", "Seconds between the scaler's looks at the queue (without it: 15).", 1, 3600);

    /// <summary>Time without messages before zero.</summary>
    public static Setting<double> Cooldown { get; } = Real("cooldown", "Seconds without a message before the last replica ends (without it: 300).", 0, 86_400);

    /// <summary>Scale-in stabilization.</summary>
    public static Setting<double> ScaleInWindow { get; } =
        Real("scale_in_window", "Seconds for which fewer replicas must have been enough before some end (without it: 300).", 0, 86_400);

    /// <summary>Limit of a scale-out step.</summary>
    public static Setting<int> MaxStep { get; } =
        Whole("max_step", "Replicas added at most at one look (without it: to 1, to 4, then doubling, as Container Apps does).", 1, 1000);

    /// <summary>Time from a replica's creation until it takes messages.</summary>
    public static Setting<double> ColdStart { get; } = Real("cold_start", "Seconds until a new replica works: measured, all in all.", 0, 86_400);

    /// <summary>The platform's part of it.</summary>
    public static Setting<double> PlatformStart { get; } = Real("platform_start", "Seconds of a cold start that are the platform's (without it: 22).", 0, 86_400);

    /// <summary>The image's size.</summary>
    public static Setting<double> ImageSize { get; } =
        Real("image_size", "Megabytes (10^6) of the compressed image: the registry's figure (without it: 500, as on the Functions base image).", 0, 1e6);

    /// <summary>The image's part of it.</summary>
    public static Setting<double> ImagePull { get; } =
        Real("image_pull", "Seconds of a cold start that pull the image (without it: --image-size at a user's rate).", 0, 86_400);

    /// <summary>The GPU driver's part of it.</summary>
    public static Setting<double> DriverInstall { get; } =
        Real("driver_install", "Seconds of a cold start that fetch a GPU driver and try it (without it: 5; 0 where the platform has one).", 0, 86_400);

    /// <summary>How fast weights come from storage to the GPU.</summary>
    public static Setting<double> LoadRate { get; } =
        Real("load_rate", "Megabytes (10^6) of weights a second from storage to the GPU (without it: as --startup has it, else the network's published limit).", 1, 1e6);

    /// <summary>Measured stages of a start.</summary>
    public static Setting<string> Startup { get; } =
        Setting.File("startup", "Measured stages of a start, for the app's part of a cold start: a log, or what gemma2 startup --json prints (without it: nothing but the weights).");

    /// <summary>Measured rates.</summary>
    public static Setting<string> RatesFile { get; } = Setting.File("rates", "Measured or assumed rates of one replica: JSON as docs/capacity.md describes it.");

    /// <summary>Prompt rate at any load.</summary>
    public static Setting<double> PromptRate { get; } = Real("prompt_rate", "Prompt tokens a second of one replica, all its sequences together.", 1e-3, 1e9);

    /// <summary>Decode rate at any load.</summary>
    public static Setting<double> DecodeRate { get; } = Real("decode_rate", "New tokens a second of one replica, all its sequences together.", 1e-3, 1e9);

    /// <summary>Share of the bound that is reached.</summary>
    public static Setting<double> Efficiency { get; } =
        Real("efficiency", "Without rates: the share of the GPU's published peak that is reached (without it: 1, which no engine reaches).", 1e-3, 1);

    /// <summary>Price of a replica.</summary>
    public static Setting<double> Price { get; } =
        Real("price_per_gpu_hour", "What an hour of one replica costs, its processors and memory included, in any currency.", 0, 1e6);

    /// <summary>Where the price is from.</summary>
    public static Setting<string> PriceSource { get; } = Setting.Text("price_source", "Where that price is from and of when, for the answer.", "TEXT");

    /// <summary>How often replicas die.</summary>
    public static Setting<double> FailuresPerDay { get; } = Real("failures_per_day", "How often a replica dies in a day of work, the mean (without it: 0).", 0, 1e5);

    /// <summary>How long the messages of a dead replica stay hidden.</summary>
    public static Setting<double> Lease { get; } =
        Real("lease", "Seconds until the messages of a dead replica come again (without it: 60, as Gemma2__QueueLeaseSeconds).", 0, 86_400);

    /// <summary>How long an ending replica may finish its work.</summary>
    public static Setting<double> Grace { get; } =
        Real("grace", "Seconds that an ending replica has for its work before it gives it back (without it: 25).", 0, 86_400);

    /// <summary>The simulated time.</summary>
    public static Setting<double> Hours { get; } = Real("hours", "How long to simulate (without it: 24).", 0.01, 8784);

    /// <summary>The seed.</summary>
    public static Setting<long> Seed { get; } = Setting.Number<long>("seed", "Which random arrivals and lengths (without it: 1).", "0 or more", seed => seed >= 0);

    /// <summary>All of them, in the order of the help.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Title, Model, Type, Gpu, KvCache, Context, Sequences,
        RequestsPerHour, Profile, PromptTokens, NewTokens, FixedLengths, Hours, Seed,
        MinReplicas, MaxReplicas, QueueLength, PollingInterval, Cooldown, ScaleInWindow, MaxStep, Grace,
        ColdStart, PlatformStart, ImageSize, ImagePull, DriverInstall, LoadRate, Startup,
        RatesFile, PromptRate, DecodeRate, Efficiency,
        Price, PriceSource, FailuresPerDay, Lease,
    ];

    private static Setting<int> Whole(string key, string description, int lowest, int highest) =>
        Setting.Number<int>(key, description, $"a whole number from {lowest} to {highest}", n => n >= lowest && n <= highest);

    private static Setting<double> Real(string key, string description, double lowest, double highest) =>
        Setting.Number<double>(key, description, $"a number from {Figures.Plain(lowest)} to {Figures.Plain(highest)}", n => n >= lowest && n <= highest);
}
