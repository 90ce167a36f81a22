"""A desktop: the notification service of a D-Bus session, and a program that runs in it.

    dbus-run-session -- notifications.py program argument...

Prints each notification as a line of JSON. What has actions is clicked at once. Ends with the program.
"""
import json
import subprocess
import sys
import threading

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"


class Desktop(dbus.service.Object):
    count = 0

    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, title, body, actions, hints, timeout):
        self.count += 1
        urgency = int(hints.get("urgency", 1))
        shown = {"app": str(app), "title": str(title), "body": str(body), "urgency": urgency}
        print(json.dumps(shown), flush=True)
        if len(actions) > 0:
            GLib.timeout_add(50, self.click, self.count, str(actions[0]))
        return self.count

    def click(self, number, action):
        self.ActionInvoked(number, action)
        self.NotificationClosed(number, 2)
        return False

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self):
        return ["actions", "body", "body-markup"]

    @dbus.service.method(NAME, out_signature="ssss")
    def GetServerInformation(self):
        return ("mock", "test", "1", "1.2")

    @dbus.service.method(NAME, in_signature="u")
    def CloseNotification(self, number):
        self.NotificationClosed(number, 3)

    @dbus.service.signal(NAME, signature="us")
    def ActionInvoked(self, number, action):
        pass

    @dbus.service.signal(NAME, signature="uu")
    def NotificationClosed(self, number, reason):
        pass


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName(NAME, bus)
desktop = Desktop(bus, "/org/freedesktop/Notifications")
loop = GLib.MainLoop()


def run():
    # Its lines are not ours; what it complains of is.
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
    GLib.idle_add(loop.quit)


threading.Thread(target=run, daemon=True).start()
loop.run()
