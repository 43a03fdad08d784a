namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>
/// Azure as a deployment sees it: <c>az</c>, <c>azd</c>, <c>docker</c>, <c>kubectl</c> and <c>gemma2</c> are stand-ins that write down how they were called and keep what was
/// made as files. The service itself is a real one: <c>curl</c> is not replaced.
/// </summary>
internal sealed class FakeAzure : IDisposable
{
    /// <summary>The keys in the environment of a test: none of them may show up on a command line or in the output.</summary>
    public const string Keys = "alice=first-Secret,second-Secret";

    /// <summary>The CLI's default subscription.</summary>
    public const string Subscription = "00000000-0000-0000-0000-00000000000d";

    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-azure-").FullName;
    private readonly Dictionary<string, string> _environment = new()
    {
        ["ROLE_SECONDS"] = "0",
        ["WAKE_LOOK_SECONDS"] = "0",
        ["AZURE_PAUSE_SECONDS"] = "0",
        ["SMOKE_SECONDS"] = "100",
        ["ENDPOINT"] = "https://trial.example",
    };

    /// <summary>A subscription in which nothing was made yet, and who is signed in.</summary>
    public FakeAzure()
    {
        Directory.CreateDirectory(PathOf("bin"));
        File.CreateSymbolicLink(PathOf("bin/az"), Path.Combine(Script.Root, "tests/end-to-end/Deployment/fake-az.sh"));
        Command("docker", """echo "docker $*" >>"$AZURE/calls" """);
        Command("azd", """
            echo "azd $*" >>"$AZURE/calls"
            case "$*" in
              "env list"*) jq --null-input --arg file "$AZURE/.env" '[{Name: "other", DotEnvPath: "/nowhere"}, {Name: "trial", DotEnvPath: $file}]' ;;
              provision*) "$HOOK" ;;
            esac
            """);
        Command("kubectl", """
            echo "kubectl $*" >>"$AZURE/calls"
            case "$*" in
              "get serviceaccount"*jsonpath*) [[ ! -e $AZURE/annotation ]] || cat "$AZURE/annotation" ;;
              "get serviceaccount"*) [[ ! -e $AZURE/no-operator ]] ;;
            esac
            """);
        Command("gemma2", """
            echo "gemma2 $* [account $AzureWebJobsStorage__accountName]${AzureWebJobsStorage+ [connection string]}" >>"$AZURE/calls"
            [[ $1 != submit ]] || { [[ -e $AZURE/answer ]] && cat "$AZURE/answer"; }
            """);
        Variable("GEMMA2", PathOf("bin/gemma2"));
    }

    /// <summary>How the stand-ins were called, a line a call.</summary>
    public string[] AllOfCalls => File.Exists(PathOf("calls")) ? File.ReadAllLines(PathOf("calls")) : [];

    /// <summary>How the stand-ins were called, a line a call, without the subscription.</summary>
    public string[] Calls => [.. AllOfCalls.Select(call => call.Replace($" --subscription {Subscription}", "", StringComparison.Ordinal))];

    /// <summary>The environment of the last deployment that the parameter files read, keys left out.</summary>
    public string[] Parameters => File.ReadAllLines(PathOf("parameters"));

    /// <summary>What was made before by a deployment like this one, with the choices in these variables.</summary>
    public async Task<FakeAzure> WithDeploymentAsync(string stage = "complete", params (string Name, string Value)[] variables)
    {
        With("group").With("image").With("role").With("tags", """{"gemma2-made-for": "trial", "team": "models"}""");
        var environment = new Dictionary<string, string>(_environment)
        {
            ["AZURE"] = _folder,
            ["AZURE_ENV_NAME"] = "trial",
            ["AZURE_LOCATION"] = "swedencentral",
            ["GEMMA2_MODEL"] = "gemma-2-2b-it",
            ["GEMMA2_STAGE"] = stage,
            ["GEMMA2_API_KEYS"] = Keys,
        };
        foreach ((string name, string value) in variables) environment[name] = value;
        await using Script script = Script.Start(environment, PathOf("bin/az"), "deployment", "group", "create");
        Assert.True(await script.WaitAsync() == 0, script.Output);
        File.Delete(PathOf("calls"));
        return this;
    }

    /// <summary>The keys that the last deployment was given.</summary>
    public string DeployedKeys => File.ReadAllText(PathOf("api-keys"));

    /// <summary>azd's file of its environment.</summary>
    public string AzdEnvironment => File.ReadAllText(PathOf(".env"));

    /// <summary>Something that was made before, or a fault: the name of a file that the stand-ins look at.</summary>
    public FakeAzure With(string file, string content = "")
    {
        File.WriteAllText(PathOf(file), content);
        return this;
    }

    /// <summary>A folder as a model has it, or a file: as much of either as the scripts look at.</summary>
    /// <param name="file">What is there.</param>
    /// <param name="model">What the model is named by: the file, or its folder.</param>
    public string Model(string file = "Gemma-2-2b-it/config.json", string model = "Gemma-2-2b-it")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(file))!);
        File.WriteAllText(PathOf(file), "{}");
        return PathOf(model);
    }

    /// <summary>An environment variable.</summary>
    public FakeAzure Variable(string name, string value)
    {
        _environment[name] = value;
        return this;
    }

    /// <summary>An environment variable that was not set yet.</summary>
    public FakeAzure TryVariable(string name, string value)
    {
        _environment.TryAdd(name, value);
        return this;
    }

    /// <summary>Makes a command unknown, as on a machine that does not have it.</summary>
    public FakeAzure Without(string command)
    {
        // PATH is then this folder alone, with everything but that command.
        _environment["PATH"] = PathOf("bin");
        foreach (string folder in (string[])["/usr/bin", "/bin"])
            foreach (string path in Directory.GetFiles(folder).Where(path => !File.Exists(PathOf("bin/" + Path.GetFileName(path))) && Path.GetFileName(path) != command))
                File.CreateSymbolicLink(PathOf("bin/" + Path.GetFileName(path)), path);
        File.Delete(PathOf("bin/" + command));
        return this;
    }

    /// <summary>Runs a script to its end.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(params string[] commandLine)
    {
        var environment = new Dictionary<string, string>(_environment) { ["AZURE"] = _folder };
        environment.TryAdd("PATH", $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}");
        await using Script script = Script.Start(environment, commandLine);
        return (await script.WaitAsync(), script.Output);
    }

    /// <summary>Runs infra/deploy.sh for the name "trial", with keys unless a test chose that there are none.</summary>
    public Task<(int ExitCode, string Output)> DeployAsync(params string[] arguments)
    {
        TryVariable("GEMMA2_API_KEYS", Keys);
        return RunAsync(["infra/deploy.sh", "--name", "trial", .. arguments]);
    }

    /// <summary>A path among the stand-ins' files.</summary>
    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Command(string name, string lines)
    {
        File.WriteAllText(PathOf("bin/" + name), "#!/bin/bash\n" + lines + "\n");
        File.SetUnixFileMode(PathOf("bin/" + name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
