using Gemma2.Backend.Engine;
using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Settings;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning;

/// <summary>Completes what was given to a plan: fills in what was left out, checks what must fit together, and writes down where each value is from.</summary>
internal sealed partial class PlanBuilder
{
    private const double SecondsAnHour = 3600;
    private const double SecondsADay = 86_400;
    private const long MostRequests = 20_000_000;

    private readonly Scenario _scenario;
    private readonly List<Assumption> _assumptions = [];

    private PlanBuilder(Scenario scenario) => _scenario = scenario;

    /// <summary>Makes the plan.</summary>
    /// <exception cref="PlanException">Something is missing, contradicts something else, or does not fit.</exception>
    public static Plan Build(Scenario scenario) => new PlanBuilder(scenario).Build();

    private Plan Build()
    {
        ModelShape model = _scenario.Require(PlanSettings.Model);
        WeightFormat format = _scenario.Require(PlanSettings.Type);
        Gpu gpu = _scenario.Require(PlanSettings.Gpu);
        DescribeReplica(model, format, gpu);
        int sequences = Take(PlanSettings.Sequences, 4, "sequences of a replica", Whole);
        int context = Take(PlanSettings.Context, 8192, "longest prompt plus answer", Tokens);
        KvCacheType kv = _scenario.Get(PlanSettings.KvCache, KvCacheType.Auto).For([format.Type]);
        CheckMemory(model, format, gpu, kv, context, sequences);

        double hours = Take(PlanSettings.Hours, 24, "simulated time", value => $"{Figures.Short(value)} h");
        RateProfile profile = Profile(hours);
        RequestLengths lengths = Lengths(context);
        RatesFile? file = ReadRates();
        RatesUsed rates = Rates(file, new Roofline(gpu, model, format, kv, _scenario.Get(PlanSettings.Efficiency, 1)), lengths, sequences);
        var simulation = new SimulationOptions
        {
            Profile = profile,
            Lengths = lengths,
            Rates = rates.Table,
            Sequences = sequences,
            ColdStartSeconds = ColdStart(file, gpu, model.WeightBytes(format)),
            Scaling = Scaling(sequences),
            GraceSeconds = Take(PlanSettings.Grace, 25, "an ending replica finishes for", Figures.Duration),
            FailuresPerSecond = Take(PlanSettings.FailuresPerDay, 0, "a working replica dies", TimesADay) / SecondsADay,
            LeaseSeconds = Take(PlanSettings.Lease, 60, "its messages come again after", Figures.Duration),
            Seconds = hours * SecondsAnHour,
            Seed = Take(PlanSettings.Seed, 1, "seed", Figures.Count),
        };
        double? price = Price();
        string title = _scenario.Get(PlanSettings.Title, $"Gemma 2 {model.Name}, {format.Name}, on {gpu.FullName}");
        return new Plan(title, simulation, price, _assumptions, rates.Source, rates.Caution);
    }

    private double? Price()
    {
        double? price = _scenario.TryGet(PlanSettings.Price, out double given) ? given : null;
        if (price is null && _scenario.Has(PlanSettings.PriceSource))
            throw new PlanException("price_source says where a price is from, and there is none: give price_per_gpu_hour too.");
        string source = price is null ? "not given" : _scenario.Get(PlanSettings.PriceSource, "given");
        Note("price of a GPU-hour", price is { } amount ? Figures.Money(amount) : "unknown, so there are no costs", source);
        return price;
    }

    private RequestLengths Lengths(int context)
    {
        bool areFixed = _scenario.Get(PlanSettings.FixedLengths, false);
        string spread = areFixed ? "all alike" : "the mean of geometric lengths";
        int prompt = Take(PlanSettings.PromptTokens, 512, "prompt", value => $"{Tokens(value)}, {spread}");
        int answer = Take(PlanSettings.NewTokens, 128, "answer", value => $"{Tokens(value)}, {spread}");
        return prompt + answer <= context
            ? new RequestLengths(prompt, answer, areFixed, context)
            : throw new PlanException($"prompt_tokens {prompt} and new_tokens {answer} are together more than the context of {context} tokens.");
    }

    private RateProfile Profile(double hours)
    {
        string name = _scenario.Get(PlanSettings.Profile, RateProfile.BuiltIn[0]);
        bool isBuiltIn = RateProfile.BuiltIn.Contains(name);
        RateProfile profile = isBuiltIn ? RateProfile.Named(name) : RateProfile.Parse(PlanFile.ReadText(name), name);
        if (isBuiltIn || _scenario.Has(PlanSettings.RequestsPerHour)) profile = profile.WithMean(_scenario.Require(PlanSettings.RequestsPerHour));

        double expected = profile.ExpectedUntil(hours * SecondsAnHour);
        if (expected > MostRequests)
            throw new PlanException($"{Figures.Count((long)expected)} requests in {Figures.Short(hours)} h are too many; allowed are {Figures.Count(MostRequests)}.");
        Note("requests", $"{Figures.Short(profile.MeanPerHour)} an hour in the mean, a Poisson process", "given");
        Note("over time", profile.Description, Source(PlanSettings.Profile));
        return profile;
    }

    private ScalingOptions Scaling(int sequences)
    {
        int least = Take(PlanSettings.MinReplicas, 0, "replicas at least", Whole);
        int most = Take(PlanSettings.MaxReplicas, Math.Max(10, least), "replicas at most", Whole);
        if (least > most) throw new PlanException($"min_replicas {least} is more than max_replicas {most}.");
        return new ScalingOptions
        {
            MinReplicas = least,
            MaxReplicas = most,
            QueueLength = Take(PlanSettings.QueueLength, sequences, "messages for one replica", Whole),
            PollingInterval = Take(PlanSettings.PollingInterval, 15, "scaler looks every", Figures.Duration),
            Cooldown = Take(PlanSettings.Cooldown, 300, "last replica ends after", value => $"{Figures.Duration(value)} without a message"),
            ScaleInWindow = Take(PlanSettings.ScaleInWindow, 300, "others end after", value => $"{Figures.Duration(value)} in which fewer were enough"),
            MaxStep = MaxStep(),
        };
    }

    private int? MaxStep()
    {
        bool isGiven = _scenario.TryGet(PlanSettings.MaxStep, out int step);
        string value = isGiven ? $"at most {step}" : "to 1, to 4, then at most twice as many";
        Note("replicas added at a look", value, Source(PlanSettings.MaxStep, "default of Azure Container Apps"));
        return isGiven ? step : null;
    }

    private T Take<T>(Setting<T> setting, T byDefault, string name, Func<T, string> show, string defaultSource = "default") where T : notnull
    {
        T value = _scenario.Get(setting, byDefault);
        Note(name, show(value), Source(setting, defaultSource));
        return value;
    }

    private string Source(Setting setting, string defaultSource = "default") => _scenario.Has(setting) ? "given" : defaultSource;

    private void Note(string name, string value, string source) => _assumptions.Add(new Assumption(name, value, source));

    private static string TimesADay(double number) => number == 0 ? "never" : $"{Figures.Short(number)} times a day";

    private static string Whole(int number) => Figures.Count(number);

    private static string Tokens(int number) => $"{Figures.Count(number)} tokens";
}
