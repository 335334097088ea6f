"""All routes of the device door."""

from mobile_api.direct import DIRECT_ROUTES
from mobile_api.enrolment import ENROLMENT_ROUTES
from mobile_api.sync import SYNC_ROUTES
from mobile_api.uploads import UPLOAD_ROUTES

ROUTES = [*ENROLMENT_ROUTES, *UPLOAD_ROUTES, *DIRECT_ROUTES, *SYNC_ROUTES]
