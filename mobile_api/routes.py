"""All routes of the device door."""

from mobile_api.enrolment import ENROLMENT_ROUTES

ROUTES = [*ENROLMENT_ROUTES]
