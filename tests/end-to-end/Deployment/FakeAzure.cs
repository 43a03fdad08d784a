namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>
/// Azure as a deployment sees it: <c>az</c>, <c>azd</c>, <c>docker</c> and <c>gemma2</c> are stand-ins that write down how they were called and keep what was
/// made as files. The service itself is a real one: <c>curl</c> is not replaced.
/// </summary>
internal sealed class FakeAzure : IDisposable
{
    /// <summary>The keys in the environment of a test: none of them may show up on a command line or in the output.</summary>
    public const string Keys = "alice=first-Secret,second-Secret";

    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-azure-").FullName;
    private readonly Dictionary<string, string> _environment = new() { ["ROLE_SECONDS"] = "0", ["WAKE_LOOK_SECONDS"] = "0", ["SMOKE_SECONDS"] = "100", ["ENDPOINT"] = "https://trial.example" };

    /// <summary>A subscription in which nothing was made yet, and who is signed in.</summary>
    public FakeAzure()
    {
        Directory.CreateDirectory(PathOf("bin"));
        // Every call is a line: the arguments, and behind them what went through the environment.
        Command("az", """
            echo "az $*${GEMMA2_STAGE+ [stage $GEMMA2_STAGE]}${GEMMA2_API_KEYS+ [keys]}" >>"$AZURE/calls"
            if [[ -e $AZURE/fail ]] && grep --quiet --fixed-strings -- "$(<"$AZURE/fail")" <<<"$*"; then echo "az: it failed" >&2; exit 1; fi
            case "$*" in
              "account show"*) [[ ! -e $AZURE/signed-out ]] || exit 1; printf 'Trial\nuser\nsomebody@example.com\n' ;;
              "ad signed-in-user show"*) echo 11111111-2222-3333-4444-555555555555 ;;
              "group exists"*) [[ -e $AZURE/group ]] && echo true || echo false ;;
              "group create"*) touch "$AZURE/group" ;;
              "containerapp list"*) [[ ! -e $AZURE/app ]] || echo func-gemma2-abc ;;
              "containerapp secret show"*) [[ -e $AZURE/keys ]] && cat "$AZURE/keys" ;;
              "containerapp replica list"*) read -r count <"$AZURE/replicas"; echo "$count"; ((count == 0)) || echo $((count - 1)) >"$AZURE/replicas" ;;
              "deployment group create"*)
                [[ $GEMMA2_STAGE == foundation ]] || touch "$AZURE/app"
                printf '%s' "$GEMMA2_API_KEYS" >"$AZURE/keys"
                env | grep -E '^(AZURE|GEMMA2|GPU)_' | grep --invert-match --extended-regexp 'KEYS|TEST_MARK' | sort >"$AZURE/parameters"
                [[ $GEMMA2_STAGE == foundation ]] && endpoint="" || endpoint=$ENDPOINT
                jq --null-input --arg endpoint "$endpoint" '{endpoint: $endpoint, storageAccountName: "stgemma2abc", registryName: "crgemma2abc", registryLoginServer: "crgemma2abc.azurecr.io",
                  imageName: "gemma2-functions", functionAppName: "func-gemma2-abc", containerAppName: "ca-gemma2-abc"} | map_values({type: "String", value: .})'
                ;;
              "acr repository show"*) [[ -e $AZURE/image ]] ;;
              "acr build"*) touch "$AZURE/image" ;;
              "storage blob list"*) [[ -e $AZURE/role ]] || { touch "$AZURE/role"; exit 1; } ;;
            esac
            """);
        Command("docker", """echo "docker $*" >>"$AZURE/calls" """);
        Command("azd", """
            echo "azd $*" >>"$AZURE/calls"
            case "$*" in
              "env list"*) jq --null-input --arg file "$AZURE/.env" '[{Name: "other", DotEnvPath: "/nowhere"}, {Name: "trial", DotEnvPath: $file}]' ;;
              "env get-value endpoint") echo "$ENDPOINT" ;;
            esac
            """);
        Command("gemma2", """
            echo "gemma2 $* [account $AzureWebJobsStorage__accountName]${AzureWebJobsStorage+ [connection string]}" >>"$AZURE/calls"
            [[ $1 != submit ]] || { [[ -e $AZURE/answer ]] && cat "$AZURE/answer"; }
            """);
        Variable("GEMMA2", PathOf("bin/gemma2"));
    }

    /// <summary>How the stand-ins were called, a line a call.</summary>
    public string[] Calls => File.Exists(PathOf("calls")) ? File.ReadAllLines(PathOf("calls")) : [];

    /// <summary>The environment of the last deployment that the parameter files read, keys left out.</summary>
    public string[] Parameters => File.ReadAllLines(PathOf("parameters"));

    /// <summary>The keys that the last deployment was given.</summary>
    public string DeployedKeys => File.ReadAllText(PathOf("keys"));

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
