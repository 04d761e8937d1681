# trace: limit=192M seconds=300 kind=calm split=score needs=gunicorn,python3-django
# Django under gunicorn (two workers with threads): ORM over SQLite, templates, the local-memory cache with its bound, sessions.
import http.client, os, random, subprocess, threading, time
random.seed(41)
here, port = os.getcwd(), 26443
open("site_.py", "w").write('''
import os, random, django
from django.conf import settings
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_", DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 2000}}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()
from django.core.cache import cache
from django.db import models
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import path
from django.contrib.auth.models import User
page = engines["django"].from_string("<table>{% for u in users %}<tr><td>{{ u.username }}<td>{{ u.email }}{% endfor %}</table>")
def users(request):
    request.session["page"] = request.session.get("page", 0) + 1; first = random.randrange(1500)
    return HttpResponse(page.render({"users": User.objects.all()[first:first + 60]}))
def stats(request, number):
    key = "stats%d" % number; found = cache.get(key)
    if not found: found = [{"day": d, "views": random.random()} for d in range(random.randrange(30, 365))]; cache.set(key, found, 200)
    return JsonResponse(found, safe=False)
def export(request): return JsonResponse(list(User.objects.values()), safe=False)
urlpatterns = [path("users", users), path("stats/<int:number>", stats), path("export", export)]
def fill():
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    User.objects.bulk_create(User(username="user%d" % i, email="user%d@example.org" % i) for i in range(1600))
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
''')
env = {"PATH": "/usr/bin:/bin"}
subprocess.run(["/usr/bin/python3", "-c", "import site_; site_.fill()"], env=env)
subprocess.Popen(["/usr/bin/gunicorn", "-w", "2", "--threads", "3", "-b", f"127.0.0.1:{port}", "--worker-tmp-dir", here, "--log-level", "error", "site_:application"], env=env)
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.2))
        path = choose.choices(["/users", f"/stats/{choose.randrange(5000)}", "/export"], [30, 69, 1])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
