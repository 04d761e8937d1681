# trace: limit=96M seconds=300 kind=calm split=score needs=python3-tornado
# A chat on Tornado: websocket clients join and leave in waves, each room keeps its last 500 messages, sometimes a picture is sent.
import random, socket, subprocess, time
port = 26446
open("chat.py", "w").write(f'''
import collections, tornado.ioloop, tornado.web, tornado.websocket
rooms = collections.defaultdict(set); history = collections.defaultdict(lambda: collections.deque(maxlen=500))
class Chat(tornado.websocket.WebSocketHandler):
    def open(self, room):
        self.room = room; rooms[room].add(self)
        for m in list(history[room])[-50:]: self.write_message(m)
    def on_message(self, m):
        history[self.room].append(m)
        for c in rooms[self.room]: c.write_message(m)
    def on_close(self): rooms[self.room].discard(self)
tornado.web.Application([("/chat/(.*)", Chat)], websocket_max_message_size=1 << 22).listen({port}, "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
''')
open("people.py", "w").write(f'''
import asyncio, random, time, tornado.websocket
random.seed(44); start = time.time()
async def person():
    c = await tornado.websocket.websocket_connect("ws://127.0.0.1:{port}/chat/room%d" % random.randrange(25), on_message_callback=lambda m: None)
    end = time.time() + random.expovariate(1 / 40)
    while time.time() < end:
        await asyncio.sleep(random.expovariate(0.08))
        await c.write_message("x" * (random.randrange(50_000, 800_000) if random.random() < 0.004 else random.randrange(10, 600)))
    c.close()
async def main():
    wave = 0; people = set()
    while True:
        wave += 1; want = [40, 160, 90, 20][wave // 150 % 4]
        people = {{p for p in people if not p.done()}}
        if len(people) < want: people.add(asyncio.ensure_future(person()))
        await asyncio.sleep(0.2)
asyncio.run(main())
''')
env = {"PATH": "/usr/bin:/bin"}
subprocess.Popen(["/usr/bin/python3", "chat.py"], env=env)
def up():
    try: socket.create_connection(("127.0.0.1", port)).close(); return True
    except OSError: return False
while not up(): time.sleep(0.2)
subprocess.Popen(["/usr/bin/python3", "people.py"], env=env)
time.sleep(10**6)
