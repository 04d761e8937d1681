# trace: limit=64M seconds=300 kind=calm split=tune
# A presence server: the number of users on line walks at random between bounds, each with a session and a short history of messages.
import asyncio, collections, random
random.seed(5109)
online, wanted = {}, 300
class Session:
    def __init__(self, ident):
        self.ident, self.history = ident, collections.deque(maxlen=25)
        self.queue = asyncio.Queue(maxsize=50)
        self.task = asyncio.create_task(self.run())
    async def run(self):
        while True:
            self.history.append(await self.queue.get())
async def main():
    global wanted
    number = 0
    while True:
        wanted = min(700, max(80, wanted + random.randint(-14, 14)))
        while len(online) < wanted:
            number += 1
            online[number] = Session(number)
        while len(online) > wanted:
            session = online.pop(random.choice(list(online)))
            session.task.cancel()
        users = list(online.values())
        for _ in range(40):
            session = random.choice(users)
            if not session.queue.full(): session.queue.put_nowait({"from": random.choice(users).ident, "text": "m" * random.randrange(20, 900)})
        await asyncio.sleep(0.25)
asyncio.run(main())
