"""What a person reads in ``msg``, in Korean and English.

``error.message`` beside it is for developers, exact and always English.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from model_store import errors

LANGUAGES = ("en", "ko")


class Say(Enum):
    """Every sentence, keyed by what it is about."""

    RECOGNISED = ("The drawing was recognised.", "그림을 알아봤어요.")
    EXPLAINED = ("This is what mattered for the answer.", "이 부분을 보고 답했어요.")
    COUNTED = ("The fingers were counted.", "손가락을 세었어요.")
    NO_HAND = (
        "No hand was found. Please show one hand, all of it, with some room around it.",
        "손을 찾지 못했어요. 한 손을 여백을 두고 전부 보여 주세요.",
    )
    TAGGED = ("This is what the picture shows.", "사진에서 이런 것을 찾았어요.")
    TAGGED_IN_PART = (
        "This is what could be found out for now; not everybody could be asked.",
        "지금 알 수 있는 것만 알려 드려요. 일부 서비스에는 물어보지 못했어요.",
    )
    NO_TAGS = ("Nothing in the picture was recognised.", "사진에서 아무것도 알아보지 못했어요.")
    SPOKEN = ("Here is the speech.", "글을 소리로 바꿨어요.")
    SPOKEN_HERE = (
        "Google's voice could not be had, so another one speaks.",
        "구글 음성을 쓸 수 없어서 다른 목소리로 읽었어요.",
    )
    USE_POST = (
        'Send the drawing with POST and a JSON body {"base64_drawing": "..."}.',
        'POST로 {"base64_drawing": "..."} 형식의 JSON을 보내 주세요.',
    )
    BAD_REQUEST = (
        "The request could not be understood.",
        "요청을 이해할 수 없어요. 형식을 확인해 주세요.",
    )
    BAD_IMAGE = (
        "The picture could not be read. Please send it again as PNG or JPEG.",
        "그림을 읽을 수 없어요. PNG나 JPEG로 다시 보내 주세요.",
    )
    TOO_LARGE = ("The picture is too large.", "그림이 너무 커요.")
    EMPTY = ("Nothing is drawn yet.", "아직 아무것도 그리지 않았어요.")
    NOTED = ("Thank you! The right answer was noted.", "고마워요! 정답을 기록했어요.")
    NO_RECORD = (
        "That answer was not kept, so it cannot be corrected.",
        "그 답은 보관되어 있지 않아서 고칠 수 없어요.",
    )
    NOT_FOUND = ("There is no such model or page.", "그런 모델이나 페이지가 없어요.")
    WHO = (
        "A key is needed here. Please send yours, or ask the operator for one.",
        "여기에는 키가 필요해요. 키를 함께 보내거나 운영자에게 요청해 주세요.",
    )
    FORBIDDEN = (
        "Your key does not allow this. Please ask the operator.",
        "이 키로는 할 수 없어요. 운영자에게 문의해 주세요.",
    )
    TOO_OFTEN = (
        "You have asked too often. Please wait a moment.",
        "너무 자주 요청했어요. 잠시 기다려 주세요.",
    )
    BUSY = (
        "Too many requests at once. Please try again.",
        "지금은 요청이 많아요. 잠시 후 다시 시도해 주세요.",
    )
    DOWN = (
        "The model server is not available. Please try again soon.",
        "모델 서버에 연결할 수 없어요. 잠시 후 다시 시도해 주세요.",
    )
    SERVICE_DOWN = (
        "A service that is needed here is not available. Please try again soon.",
        "필요한 서비스를 지금 쓸 수 없어요. 잠시 후 다시 시도해 주세요.",
    )
    QUOTA = (
        "The quota for this service is used up for now. Please try again later.",
        "지금은 이 서비스의 사용 한도를 다 썼어요. 나중에 다시 시도해 주세요.",
    )
    LATE = (
        "The answer took too long. Please try again.",
        "응답이 너무 늦어졌어요. 다시 시도해 주세요.",
    )
    FAILED = ("Something went wrong on our side.", "서버에 문제가 생겼어요.")

    def in_language(self, language: str) -> str:
        """The sentence in one of ``LANGUAGES``."""
        return str(self.value[LANGUAGES.index(language)])


_BY_ERROR: Mapping[type[errors.EaselError], Say] = {
    errors.EmptyDrawing: Say.EMPTY,
    errors.ImageTooLarge: Say.TOO_LARGE,
    errors.BadImage: Say.BAD_IMAGE,
    errors.InvalidRequest: Say.BAD_REQUEST,
    errors.ServableNotFound: Say.NOT_FOUND,
    errors.Unauthenticated: Say.WHO,
    errors.PermissionDenied: Say.FORBIDDEN,
    errors.RateLimited: Say.TOO_OFTEN,
    errors.RecordNotFound: Say.NO_RECORD,
    errors.QuotaExceeded: Say.QUOTA,
    errors.Overloaded: Say.BUSY,
    errors.ServableNotReady: Say.DOWN,
    errors.ServiceUnavailable: Say.SERVICE_DOWN,
    errors.DeadlineExceeded: Say.LATE,
    errors.EaselError: Say.FAILED,
}


def about(error: errors.EaselError) -> Say:
    """The sentence for a failure: that of its nearest class in the table."""
    return next(_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR)
