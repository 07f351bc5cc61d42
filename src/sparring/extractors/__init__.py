"""Feature networks that metrics and losses look through: trained on the user's own data, or fixed."""
