using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;
using Gemma2.Cli.Commands;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Chat;

/// <summary>A conversation at the terminal, or of lines from a pipe: what the model says goes to stdout, everything else to stderr.</summary>
/// <param name="engine">The model; it has a tokenizer.</param>
/// <param name="session">What was said so far.</param>
/// <param name="settings">How it answers.</param>
/// <param name="tools">What it may call; null for nothing.</param>
/// <param name="output">Gets the answers.</param>
internal sealed class ChatLoop(InferenceEngine engine, ChatSession session, ChatSettings settings, ChatTools? tools, TextWriter output)
{
    private const string Help =
        "/system TEXT says how to answer, /retry answers again, /undo takes back the last question, /clear forgets all, /result TEXT is what a called function gives back, /exit (or Ctrl+D) ends. "
        + "\"\"\" begins and ends a message of several lines. Ctrl+C stops an answer.";

    private readonly ulong _seed = settings.Sampling.Seed;
    private ulong _answers;

    /// <summary>Reads and answers until the input ends or somebody says <c>/exit</c>.</summary>
    public async Task RunAsync(ChatInput input, CancellationToken cancellationToken)
    {
        using var interrupt = new ChatInterrupt();
        while (await input.ReadAsync(cancellationToken) is { } text and not "/exit")
        {
            if (text[0] != '/') session.Ask(text);
            else if (!Obey(text)) continue;
            bool ended = await interrupt.RunAsync(AnswerAsync, cancellationToken);
            if (!ended) Say("stopped");
        }
    }

    /// <summary>Does what a command says.</summary>
    /// <returns>Whether the model is to answer.</returns>
    private bool Obey(string text)
    {
        string[] words = text.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        switch (words)
        {
            case ["/system", var instruction]: session.Instruction = instruction; break;
            case ["/system"]: session.Instruction = null; break;
            case ["/clear"]: session.Clear(); break;
            case ["/undo"]: session.TakeBackQuestion(); break;
            case ["/retry"] when session.HasQuestion: session.TakeBackAnswer(); return true;
            case ["/retry"]: Say("nothing was asked yet"); break;
            case ["/result", var content] when tools?.Waiting is not null: return GiveResult(content);
            case ["/result", _]: Say("no call waits for a result"); break;
            case ["/help"]: Say(Help); break;
            default: Say($"{words[0]} is no command as it stands. {Help}"); break;
        }
        return false;
    }

    /// <returns>Whether all calls have their results.</returns>
    private bool GiveResult(string content)
    {
        session.Ask(tools!.Result(content));
        if (tools.Waiting is { } next) Say($"{next} waits for its result");
        return tools.Waiting is null;
    }

    private async Task AnswerAsync(CancellationToken cancellationToken)
    {
        var answer = new StringBuilder();
        try
        {
            await foreach (TextPiece piece in GenerationPieces.ReadAsync(engine, Request(), cancellationToken))
            {
                await output.WriteAsync(piece.Text);
                answer.Append(piece.Text);
                if (piece.Finish == FinishReason.Length) Say("the answer was cut: the limit of tokens is reached");
            }
        }
        catch (InvalidRequestException error)
        {
            // The conversation has outgrown the context, say: it can go on without its last question.
            session.TakeBackQuestion();
            Say($"{ErrorText.Describe(error)} The question was taken back; /undo and /clear make room.");
            return;
        }
        finally
        {
            // What was shown was said, also where it was stopped.
            if (answer.Length > 0) session.Answer(answer.ToString());
            tools?.Answered(answer.ToString());
            await output.WriteLineAsync();
        }
    }

    private GenerationRequest Request()
    {
        IReadOnlyList<ChatMessage> messages = session.Messages(tools?.Instruction);
        if (settings.ShowsPrompt) Console.Error.WriteLine(engine.ChatTemplate!.Render(messages));
        return new GenerationRequest
        {
            PromptTokens = engine.ChatTemplate!.Encode(messages),
            MaxTokens = settings.MaxTokens,
            Mask = tools?.Mask(),
            Sampling = settings.Sampling with { Seed = unchecked(_seed + _answers++) },
        };
    }

    private static void Say(string text) => Console.Error.WriteLine($"({text})");
}
