using Gemma2.Backend.Engine;

namespace Gemma2.Backend.Tests.Scheduling;

public sealed class WaitingRoomTests
{
    [Fact]
    public void Enter_MoreThanAllowed_IsRefusedUntilOneLeaves()
    {
        var room = new WaitingRoom(mostRequests: 2, mostTokens: 1000);
        var sequence = new SimulatedSequence([1, 2, 3], 1);
        sequence.EnterWaitingRoom(room);
        room.Enter(10);

        var error = Assert.Throws<BusyException>(() => room.Enter(1));
        Assert.Equal("The server is busy: 2 requests are running or waiting already; at most 2 may. Try again later.", error.Message);

        sequence.Start();
        sequence.Complete(null);
        sequence.Complete(null); // Counted once.
        room.Enter(1);
        Assert.Equal(2, room.Requests);
    }

    [Fact]
    public void Enter_MoreTokensThanAllowed_IsRefusedUnlessItWaitsAlone()
    {
        var room = new WaitingRoom(mostRequests: 10, mostTokens: 100);
        room.Enter(5000);

        Assert.Contains("5000 tokens", Assert.Throws<BusyException>(() => room.Enter(1)).Message, StringComparison.Ordinal);

        room.Start(5000);
        room.Enter(60);
        room.Enter(40);
        Assert.Throws<BusyException>(() => room.Enter(1));
    }
}
