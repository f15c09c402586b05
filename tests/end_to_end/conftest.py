from tests.shared_service import served

__all__ = ["served"]
