"""What Postkeep does. Each service is a noun's use cases; what they need of the world stands in `ports`."""

from dataclasses import dataclass

from postkeep.services.accounts import AccountService
from postkeep.services.administration import AdministrationService
from postkeep.services.bulk import BulkService
from postkeep.services.exports import ExportService
from postkeep.services.health import HealthService
from postkeep.services.housekeeping import HousekeepingService
from postkeep.services.imports import ImportService
from postkeep.services.posts import PostService
from postkeep.services.search import SearchService
from postkeep.services.sessions import SessionService
from postkeep.services.visits import VisitService


@dataclass(frozen=True, slots=True)
class Services:
    """All use cases, wired to one storage."""

    accounts: AccountService
    sessions: SessionService
    visits: VisitService
    posts: PostService
    bulk: BulkService
    search: SearchService
    exports: ExportService
    imports: ImportService
    health: HealthService
    housekeeping: HousekeepingService
    administration: AdministrationService
