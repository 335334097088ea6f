"""The demo's people, devices, parties and places: a made-up day in 回民区, 呼和浩特.

All of it is made up, the unified social credit codes too (their check digits are right).
"""

from __future__ import annotations

from typing import NamedTuple


class Department(NamedTuple):
    code: str
    name: str
    name_en: str


class Person(NamedTuple):
    """`certificate_days`: days until the certificate ends, below 0 it has; None for auxiliaries."""

    name: str
    department: str
    number: str
    certificate_days: int | None = 700


class Device(NamedTuple):
    """`ahead_s`: seconds its clock runs ahead of true time."""

    serial: str
    kind: str
    holder: str
    ahead_s: float = 0.0


class Login(NamedTuple):
    login: str
    name: str
    department: str  # "" is the root
    role: str
    officer: str = ""


class Party(NamedTuple):
    name: str
    uscc: str
    place: str
    address: str
    latitude: float
    longitude: float


DEPARTMENTS = (
    Department("shijian", "市场监管局", "Market Supervision Bureau"),
    Department("zhujian", "住建局", "Housing and Construction Bureau"),
    Department("chengguan", "城管局", "Urban Management Bureau"),
)

PEOPLE = (
    Person("巴特尔", "shijian", "SJ001"),
    Person("王秀英", "shijian", "SJ002"),
    Person("其其格", "shijian", "SJ003"),
    Person("张建国", "shijian", "SJ004"),
    Person("刘洋", "shijian", "SJ005", certificate_days=-40),
    Person("李强", "shijian", "SJF01", certificate_days=None),
    Person("陈志远", "zhujian", "ZJ001"),
    Person("乌云", "zhujian", "ZJ002"),
    Person("孙丽", "zhujian", "ZJ003"),
    Person("高峰", "zhujian", "ZJ004"),
    Person("苏日娜", "chengguan", "CG001"),
    Person("马俊", "chengguan", "CG002"),
    Person("赵磊", "chengguan", "CG003"),
    Person("周婷", "chengguan", "CG004"),
    Person("白雪", "chengguan", "CGF01", certificate_days=None),
)

DEVICES = (
    Device("HH-SJ-01", "handheld", "巴特尔"),
    Device("HH-SJ-02", "handheld", "王秀英"),
    Device("HH-SJ-03", "handheld", "其其格"),
    Device("HH-ZJ-01", "handheld", "陈志远"),
    Device("HH-ZJ-02", "handheld", "孙丽"),
    Device("HH-CG-01", "handheld", "苏日娜"),
    Device("HH-CG-02", "handheld", "赵磊"),
    Device("CAM-SJ-01", "body_camera", "巴特尔"),
    Device("CAM-SJ-02", "body_camera", "王秀英", ahead_s=97.0),
    Device("CAM-SJ-03", "body_camera", "其其格"),
    Device("CAM-SJ-04", "body_camera", "张建国"),
    Device("CAM-ZJ-01", "body_camera", "陈志远"),
    Device("CAM-ZJ-02", "body_camera", "乌云"),
    Device("CAM-ZJ-03", "body_camera", "孙丽"),
    Device("CAM-CG-01", "body_camera", "苏日娜"),
    Device("CAM-CG-02", "body_camera", "马俊"),
    Device("CAM-CG-03", "body_camera", "赵磊"),
)
KIND_NAMES = {"handheld": "手持终端", "body_camera": "执法记录仪"}

LOGINS = (
    Login("zhaomin", "赵敏", "shijian", "supervisor"),
    Login("guowei", "郭伟", "zhujian", "supervisor"),
    Login("narenhua", "娜仁花", "chengguan", "supervisor"),
    Login("bateer", "巴特尔", "shijian", "inspector", officer="巴特尔"),
    Login("hejing", "何静", "shijian", "legal_reviewer"),
    Login("linhai", "林海", "", "bureau_supervisor"),
)


def _parties(table: str) -> dict[str, Party]:
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    found = (
        Party(name, code, place, f"呼和浩特市回民区{street}", float(latitude), float(longitude))
        for name, code, place, street, latitude, longitude in rows
    )
    return {party.name: party for party in found}


# name | unified social credit code | place | street in 回民区 | latitude | longitude
PARTIES = _parties("""
青城烧烤店 | 92150103MA2TH3BJ3J | 青城烧烤店 | 中山西路 88 号 | 40.8129 | 111.6497
宽巷子暖阳烧麦馆 | 92150103MA1XG6125Y | 暖阳烧麦馆 | 宽巷子 21 号 | 40.8176 | 111.6478
北坡冷鲜食品有限公司 | 91150103MADD272H40 | 北坡冷鲜仓库 | 攸攸板镇工业路 6 号 | 40.8548 | 111.5937
通道街仁济大药房 | 92150103MAD1TJ3Y9R | 仁济大药房 | 通道南街 112 号 | 40.8214 | 111.6511
海西路街角便利店 | 92150103MA7LLJY1XG | 街角便利店 | 海拉尔西路 43 号 | 40.8297 | 111.6262
草原清晨乳品有限公司 | 91150103MAJJC171X7 | 草原清晨批发部 | 新华西街 156 号 | 40.8186 | 111.6189
环河街绿叶果蔬行 | 92150103MAHU49D472 | 绿叶果蔬行 | 环河街 9 号 | 40.8093 | 111.6404
光明路小太阳儿童用品店 | 92150103MAH3J9HT4L | 小太阳用品店 | 光明路 30 号 | 40.8238 | 111.6316
青砖建筑工程有限公司 | 91150103MAM53JJL2U | 攸攸板棚改二期工地 | 攸攸板镇西二环 | 40.8587 | 111.6011
北坡房地产开发有限公司 | 91150103MAHDQAEJ3T | 青山雅苑项目部 | 成吉思汗西街 | 40.8621 | 111.6263
暖阳物业服务有限公司 | 91150103MA9GFWAP52 | 友谊小区物业办 | 友谊巷 | 40.8202 | 111.6241
灰瓦装饰工程有限公司 | 91150103MAFD1YM20T | 钢铁路综合楼装修现场 | 钢铁路 17 号 | 40.8256 | 111.6145
马师傅烤羊腿摊 | 92150103MA6B3HN23B | 风情街东口摊位 | 通道北街 | 40.8262 | 111.6518
西龙王庙夜市百货摊 | 92150103MAJ1K6FM34 | 西龙王庙夜市 | 西龙王庙路 | 40.8143 | 111.6289
长风渣土运输有限公司 | 91150103MAJRE2T29Y | 县府街卡口 | 县府街 | 40.8317 | 111.6423
工人西村彩虹广告部 | 92150103MAXEB97RXQ | 彩虹广告部 | 工人西村路 | 40.8229 | 111.6072
""")
