"""Systems without a neural network, that one with it has to beat: a few lines of linear algebra each."""

from gatewright.models.baselines.co_rating import CoRating
from gatewright.models.baselines.ease import Ease
from gatewright.models.baselines.ials import Ials
from gatewright.models.baselines.item_knn import ItemKnn
from gatewright.models.baselines.popularity import Popularity
from gatewright.models.baselines.recency_ease import RecencyEase
from gatewright.models.baselines.system import System

__all__ = ["BASELINES", "CoRating", "Ease", "Ials", "ItemKnn", "Popularity", "RecencyEase", "System"]

BASELINES: tuple[type[System], ...] = (Popularity, ItemKnn, Ease, Ials, RecencyEase, CoRating)
"""In the order of tables: the last two know in which order a user rated, the others do not."""
