#!/usr/bin/env escript
%% trace: limit=160M seconds=420 kind=leak class=leak split=score
%% A mailbox: one process is sent more than it takes.
-mode(compile).
main(_) ->
    Slow = spawn(fun slow/0),
    busy(Slow).

slow() ->
    receive {job, _} -> timer:sleep(40), slow() end.

busy(Slow) ->
    [Slow ! {job, lists:seq(1, 60 + rand:uniform(120))} || _ <- lists:seq(1, 20)],
    timer:sleep(100),
    busy(Slow).
