using CsCheck;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Text;

public sealed class ConversationTests
{
    // A message is its role's first letter and its content: s(ystem), d(eveloper), u(ser), a(ssistant).
    [Theory]
    [InlineData("s:be brief|u:hi", "u:be brief\n\nhi")]
    [InlineData("d:be brief|u:hi", "u:be brief\n\nhi")]
    [InlineData("s:one|d:two|u:hi", "u:one\n\ntwo\n\nhi")]
    [InlineData("u:hi|a:hello|s:in French|u:bye", "u:hi|a:hello|u:in French\n\nbye")]
    [InlineData("s:be brief", "u:be brief")]
    [InlineData("u:hi|s:be brief", "u:hi\n\nbe brief")]
    [InlineData("u:hi|a:hello|s:go on", "u:hi|a:hello|u:go on")]
    [InlineData("s:be brief|a:hello", "u:be brief|a:hello")]
    [InlineData("s:be brief|a:hello|u:hi", "a:hello|u:be brief\n\nhi")]
    [InlineData("a:hello|u:hi", "a:hello|u:hi")]
    [InlineData("u:a|u:b|a:c|a:d|u:e", "u:a\n\nb|a:c\n\nd|u:e")]
    [InlineData("s: be brief \n|u:\nhi ", "u:be brief\n\nhi")]
    [InlineData("s:|u:hi", "u:hi")]
    [InlineData("u:hi|u: ", "u:hi")]
    [InlineData("u:", "u:")]
    [InlineData("u:hi|a:|u:there", "u:hi|a:|u:there")]
    [InlineData("u:a|s:b|u:c|s:d", "u:a\n\nb\n\nc\n\nd")]
    public void Turns_Messages_AreFolded(string messages, string turns) => Assert.Equal(Read(turns), Conversation.Turns(Read(messages)));

    [Fact]
    public void Turns_AnyMessages_AreTurnsInTurnThatHoldAllOfThem() => Gen.Select(Gen.OneOf(Gen.Const("system"), Gen.Const("developer"), Gen.Const("user"), Gen.Const("assistant"), Gen.Const("model")), Gen.Int[0, 99])
        .Array[1, 12].Sample(parts =>
        {
            IReadOnlyList<ChatMessage> turns = Conversation.Turns([.. parts.Select(part => new ChatMessage(part.Item1, $"{part.Item2}"))]);

            Assert.All(turns.Zip(turns.Skip(1)), pair => Assert.NotEqual(pair.First.Role, pair.Second.Role));
            Assert.Equal(parts.Select(part => $"{part.Item2}").Order(), turns.SelectMany(turn => turn.Content.Split("\n\n")).Order());
            Assert.Equal(turns, Conversation.Turns(turns));
        });

    [Fact]
    public void Turns_OtherRole_IsRefused()
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => Conversation.Turns([new("user", "a"), new("critic", "b")]));
        Assert.Equal("messages[1].role is 'critic'; allowed are user, assistant, system and developer.", error.Message);
    }

    [Fact]
    public void Turns_NoMessages_IsRefused() => Assert.Throws<InvalidRequestException>(() => Conversation.Turns([]));

    private static ChatMessage[] Read(string messages) => [.. messages.Split('|').Select(message => new ChatMessage(
        message[0] switch { 's' => "system", 'd' => "developer", 'u' => "user", _ => "assistant" }, message[2..]))];
}
