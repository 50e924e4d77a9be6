"""Where a vector says its language, found with sentences that say the same in two languages.

Multilingual encoders place texts of one language near each other (Libovický et al. 2020, "On the Language Neutrality of
Pre-trained Multilingual Representations"): the mean of a language is its place, whatever is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PAIRS = (
    ("How many days of leave do I have?", "Combien de jours de congé ai-je ?"),
    ("Who do I call when the printer is broken?", "Qui dois-je appeler quand l'imprimante est en panne ?"),
    ("When does the contract end?", "Quand le contrat prend-il fin ?"),
    ("Where is the form for travel expenses?", "Où se trouve le formulaire des frais de déplacement ?"),
    ("Can I work from home on Fridays?", "Puis-je travailler de chez moi le vendredi ?"),
    ("What must I do if I am ill?", "Que dois-je faire si je suis malade ?"),
    ("How long are the invoices kept?", "Combien de temps les factures sont-elles conservées ?"),
    ("Why was my request refused?", "Pourquoi ma demande a-t-elle été refusée ?"),
    ("What is the difference between the two offers?", "Quelle est la différence entre les deux offres ?"),
    ("Who signs the purchase orders?", "Qui signe les bons de commande ?"),
    ("Is the car insured abroad?", "La voiture est-elle assurée à l'étranger ?"),
    ("At what temperature is the product stored?", "À quelle température le produit est-il stocké ?"),
    ("The meeting begins at nine o'clock.", "La réunion commence à neuf heures."),
    ("The manager answers within a week.", "Le responsable répond sous une semaine."),
    ("Every employee receives a badge on the first day.", "Chaque salarié reçoit un badge le premier jour."),
    ("The machine is switched off before it is cleaned.", "La machine est arrêtée avant d'être nettoyée."),
    ("Customers pay within thirty days.", "Les clients paient sous trente jours."),
    ("The report describes the results of last year.", "Le rapport décrit les résultats de l'année dernière."),
    ("Water is measured at the entrance of the plant.", "L'eau est mesurée à l'entrée de l'usine."),
    ("This document replaces the earlier version.", "Ce document remplace la version précédente."),
    ("The law protects the personal data of patients.", "La loi protège les données personnelles des patients."),
    ("Our school teaches history and music.", "Notre école enseigne l'histoire et la musique."),
    ("The river crosses the north of the country.", "Le fleuve traverse le nord du pays."),
    ("The team won the match in the last minute.", "L'équipe a gagné le match à la dernière minute."),
)

APART = 0.9


@dataclass(frozen=True, slots=True)
class LanguageAxis:
    """Where vectors tell English from French: unit `direction` (d,) float32, and the mean of either along it."""

    direction: NDArray[np.float32]
    english: float
    french: float

    def to_other(self, spoken: float) -> float:
        """How far, and which way, the other language lies from that of a text with so much along the direction."""
        return self.french - self.english if self._is_english(spoken) else self.english - self.french

    def is_other(self, along: float, spoken: float) -> bool:
        """Whether a text with so much along the direction is surely in another language than one with `spoken`.

        It stands past APART of the way from one mean to the other: tables and lists of names stand between.
        """
        own, apart = self.english if self._is_english(spoken) else self.french, self.to_other(spoken)
        return (along - own) * apart > APART * apart**2

    def taken_out(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors (n, d) float32 without their part along the direction: what is said, whatever the language."""
        left = vectors - np.outer(vectors @ self.direction, self.direction)
        return np.asarray(left / (np.linalg.norm(left, axis=1, keepdims=True) + 1e-12), np.float32)

    def _is_english(self, along: float) -> bool:
        return abs(along - self.english) < abs(along - self.french)


def language_axis(embed: Callable[[Sequence[str]], NDArray[np.float32]]) -> LanguageAxis:
    """Found with the vectors (n, d) that `embed` gives to the pairs: 48 short texts."""
    english, french = (embed(sentences).mean(axis=0) for sentences in zip(*_PAIRS, strict=True))
    apart = english - french
    direction = np.asarray(apart / (np.linalg.norm(apart) + 1e-12), np.float32)
    return LanguageAxis(direction, float(english @ direction), float(french @ direction))
