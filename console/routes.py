"""All routes of the desk."""

from console.people import PEOPLE_ROUTES
from console.playback import PLAYBACK_ROUTES

ROUTES = [*PEOPLE_ROUTES, *PLAYBACK_ROUTES]
