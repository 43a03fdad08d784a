using Gemma2.Backend;
using Gemma2.Storage.Batches;

namespace Gemma2.Storage.Tests.Batches;

/// <summary>What a reader of results was given is remembered exactly, and as a text that can be sent back.</summary>
public class GivenLinesTests
{
    private const int Seed = 11;

    [Fact]
    public void Add_AnyLines_AreThoseThatWereGiven()
    {
        var random = new Random(Seed);
        for (int round = 0; round < 300; round++)
        {
            var given = new GivenLines();
            HashSet<int> expected = [];
            for (int count = random.Next(25); count > 0; count--)
            {
                int first = random.Next(1, 40), last = first + random.Next(7);
                given.Add(first, last);
                expected.UnionWith(Enumerable.Range(first, last - first + 1));
            }
            var back = GivenLines.Parse(given.ToString());
            for (int line = 1; line < 60; line++)
            {
                Assert.Equal(expected.Contains(line), given.Contains(line));
                Assert.Equal(expected.Contains(line), back.Contains(line));
                Assert.Equal(Enumerable.Range(5, line).Count(expected.Contains), given.CountIn(5, line + 4));
            }
            Assert.Equal(Enumerable.Range(1, 60).TakeWhile(expected.Contains).Count(), given.UpTo);
            Assert.Equal(given.ToString(), back.ToString());
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("12")]
    [InlineData("0,2")]
    [InlineData("12,15,18-20")]
    [InlineData("12,15,18-20@123456-789")]
    public void Parse_WhatWasGivenOut_IsTheSameAgain(string after) => Assert.Equal(after, GivenLines.Parse(after).ToString());

    [Fact]
    public void Parse_AnyText_IsUnderstoodOrRefusedByName()
    {
        const string characters = "0123456789,-@ x";
        var random = new Random(Seed);
        int understood = 0;
        for (int round = 0; round < 5000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(9)).Select(_ => characters[random.Next(characters.Length)]));
            try
            {
                var given = GivenLines.Parse(text);
                Assert.Equal(given.ToString(), GivenLines.Parse(given.ToString()).ToString());
                understood++;
            }
            catch (InvalidRequestException error)
            {
                Assert.Equal("after", error.Parameter);
            }
        }
        Assert.InRange(understood, 500, 4500);
    }
}
