using System.CommandLine;
using System.Text.Json;
using Gemma2.Backend.Text;
using Gemma2.Cli.Commands;
using Gemma2.Cli.Terminal;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Arguments;

/// <summary>What a job asks for: a prompt or a message with options for sampling, or the whole body of an OpenAI request from a file.</summary>
internal sealed class RequestArguments
{
    private readonly Option<string?> _model = Values.Text("--model", "The model that is to answer; a body from a file may name it itself.", "NAME");
    private readonly Option<string?> _prompt = Values.Text("--prompt", "Go on from this text.");
    private readonly Option<string?> _chat = Values.Text("--chat", "Answer this message.");
    private readonly Option<string?> _file = Values.Text("--file", "The whole body of an OpenAI request, chat or completion; - is stdin.", "BODY.json");
    private readonly SamplingArguments _sampling = new("the service's default", "as the model's files say, else 1");

    /// <summary>Adds all of them to a command; exactly one of prompt, message and file is to be given.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _prompt, _chat, _file]) command.Add(option);
        _sampling.AddTo(command);
        command.RequireOneOf(_prompt, _chat, _file);
        command.Validators.Add(result =>
        {
            bool hasFile = result.GetResult(_file) is not null;
            if (!hasFile && result.GetResult(_model) is null) result.AddError($"Option '{_model.Name}' is required with {_prompt.Name} and {_chat.Name}.");
            if (hasFile && _sampling.All.FirstOrDefault(option => result.GetResult(option) is not null) is { } sampling)
                result.AddError($"{sampling.Name} does not go with {_file.Name}: it belongs in the body.");
        });
    }

    /// <summary>Reads the model that is asked for, where the command line names one, and the body of the request.</summary>
    /// <exception cref="Backend.InvalidRequestException">The file is no JSON object, or too long.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public async Task<(string? Model, JsonElement Body)> ReadAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        string? model = parse.GetValue(_model);
        if (parse.GetValue(_file) is { } file) return (model, await JsonFile.ReadObjectAsync(file, JobMessage.MaxBlobBytes, cancellationToken));
        var body = new CompletionBody(
            model!,
            parse.GetValue(_prompt),
            parse.GetValue(_chat) is { } message ? [new ChatMessage("user", message)] : null,
            parse.GetValue(_sampling.MaxTokens),
            parse.GetValue(_sampling.Temperature),
            parse.GetValue(_sampling.TopK),
            parse.GetValue(_sampling.TopP),
            parse.GetValue(_sampling.Seed));
        return (model, JsonSerializer.SerializeToElement(body, CliJson.Lines.CompletionBody));
    }
}
